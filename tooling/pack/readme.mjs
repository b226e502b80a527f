/** Names of packages in `npm install …`, the first of a README; a comment behind it and flags are left out. */
export function installLine(readme) {
  const [, words] = /^npm install ([^#\n]+)/m.exec(readme) ?? [];
  return words === undefined
    ? []
    : words
        .trim()
        .split(/\s+/)
        .filter((word) => !word.startsWith('-'));
}

/** The examples that say what they print: code, and that. */
export function examplesOf(readme) {
  return [...readme.matchAll(/```js\n([\s\S]*?)```\n[\s\S]*?```text\n([\s\S]*?)```/g)].map(([, code, printed]) => ({
    code,
    printed: printed.trimEnd(),
  }));
}

/** Code in TypeScript: read by the compiler only. */
export function typedExamplesOf(readme) {
  return [...readme.matchAll(/^```ts\n([\s\S]*?)^```/gm)].map(([, code]) => code);
}

/** Command lines of `hadamard` under a heading. */
export function commandsOf(readme, heading) {
  const section = readme.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  return [...section.matchAll(/^hadamard .*$/gm)].map(([line]) => line);
}

/** Packages that code imports, and those out of whose folders it reads. */
export function packagesIn(code) {
  const imported = [...code.matchAll(/^import (?:[^']+ from )?'([^'.][^']*)'/gm)]
    .map(([, specifier]) => packageOf(specifier))
    .filter((name) => !name.startsWith('node:'));
  const opened = [...code.matchAll(/node_modules\/((?:@[\w.-]+\/)?[\w.-]+)\//g)].map(([, name]) => name);
  return { imported: [...new Set(imported)], opened: [...new Set(opened)] };
}

/** `@scope/name/part` → `@scope/name`. */
export function packageOf(specifier) {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
