import type { Theme } from 'vitepress';
// Without its web font: the page asks nobody for anything.
import DefaultTheme from 'vitepress/theme-without-fonts';
import { onMounted } from 'vue';
// After the theme's own styles, which it corrects.
import './corrections.css';

export default {
  extends: DefaultTheme,
  setup() {
    // What the search button is called has to be what is written on it; the key beside it is drawn by corrections.css
    // instead.
    onMounted(() => document.querySelector('.DocSearch-Button-Key:last-child')?.replaceChildren());
  },
} satisfies Theme;
