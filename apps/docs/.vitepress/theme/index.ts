// Without its web font: the page asks nobody for anything.
export { default } from 'vitepress/theme-without-fonts';
