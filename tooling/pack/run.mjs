import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { commandsOf, examplesOf } from './readme.mjs';
import { shell, tail } from './shell.mjs';

/**
 * Import and require each entry in Node. One that has side effects is the program of a worker: it has to be found, and
 * no more.
 */
export async function entryProblems(folder, { manifest }, entries) {
  const programs = Array.isArray(manifest.sideEffects)
    ? entries.filter((entry) =>
        manifest.sideEffects.includes(manifest.exports[`.${entry.slice(manifest.name.length)}`].default),
      )
    : [];
  const loaded = entries.filter((entry) => !programs.includes(entry));
  const code = [
    "import { createRequire } from 'node:module';",
    'const require = createRequire(import.meta.url);',
    `for (const entry of ${JSON.stringify([...entries, `${manifest.name}/package.json`])}) ` +
      'import.meta.resolve(entry), require.resolve(entry);',
    `for (const entry of ${JSON.stringify(loaded)}) if (Object.keys(await import(entry)).join() !== ` +
      `Object.keys(require(entry)).join()) throw new Error(entry + ': import and require differ');`,
  ];
  writeFileSync(join(folder, 'entries.mjs'), code.join('\n'));
  const answer = await shell('node entries.mjs', folder);
  return answer.code === 0 ? [] : [`its entries do not load: ${tail(answer)}`];
}

/** Run the examples of a README, each as a script of its own, and compare what they print. */
export async function exampleProblems(folder, { readme }) {
  const problems = [];
  for (const [i, { code, printed }] of examplesOf(readme).entries()) {
    const script = `example-${i + 1}.mjs`;
    writeFileSync(join(folder, script), code);
    const answer = await shell(`node ${script}`, folder);
    if (answer.code !== 0) problems.push(`example ${i + 1} of the README failed: ${tail(answer)}`);
    else if (answer.stdout.trimEnd() !== printed)
      problems.push(`example ${i + 1} of the README printed\n${answer.stdout.trimEnd()}\nand says\n${printed}`);
  }
  return problems;
}

/**
 * The commands of the README on data of one's own, in its order, with the model and some of the texts that come with
 * the package.
 */
export async function commandProblems(folder, { name, readme, version }) {
  const assets = join('node_modules', name, 'assets');
  const said = await shell('npx --no -- hadamard --version', folder);
  if (said.stdout.trim() !== version) return [`hadamard --version says ${tail(said)} and not ${version}`];
  const [, ...rows] = readFileSync(join(folder, assets, 'examples', 'train.csv'), 'utf8')
    .trim()
    .split('\n');
  // Few are enough: what training learns is tested elsewhere.
  for (const [file, first] of Object.entries({ 'reviews.csv': 0, 'more-reviews.csv': 1 }))
    writeFileSync(join(folder, file), ['review,stars', ...rows.filter((_, i) => i % 8 === first)].join('\n'));
  const problems = [];
  const commands = commandsOf(readme, 'Your own data');
  if (commands.length === 0) problems.push("the README shows no command on data of one's own");
  for (const line of commands) {
    const answer = await shell(`npx --no -- ${line.replaceAll('path/to/model', join(assets, 'mini-bert'))}`, folder);
    if (answer.code !== 0) problems.push(`${line} failed: ${tail(answer)}`);
  }
  return problems;
}
