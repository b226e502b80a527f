import { shorten } from '@hadamard-adapter/core';
import type { Analyzed } from '../analyze.js';
import { formatCell, type Block, type DataTable, type Section } from '../table.js';
import { escapeHtml } from './plots.js';
import { STYLE } from './style.js';

/** Facts of how the report came about. */
export interface PageInfo {
  readonly version: string;
  /** Files beside the report by the name of their table. */
  readonly files: ReadonlyMap<string, string>;
}

const WORDS: readonly (readonly [string, string])[] = [
  [
    'adapter',
    'one scale w and one shift b for each channel of a layer: the attention output x becomes w ⊙ x + b. All else ' +
      'of the model stays as it was pretrained, but for one LayerNorm in each layer.',
  ],
  [
    'stage one, stage two',
    'first the classifier is trained on the bare model; then adapters and norms, with that classifier frozen.',
  ],
  ['layer', 'counted from 0 at the input.'],
  ['score', "the task's metric, from 0 to 1 (correlations from −1)."],
  ['point', 'a hundredth of a score, as papers print them: 0.931 is 93.1 points.'],
  ['numbers', 'parameters that stage two trains: w, b and the norms, without classifiers.'],
  ['run', 'one training: a task with one seed.'],
];

/** The report as one page that needs nothing else: styles and pictures are in it, and no script. */
export function reportPage({ base, runs, sections, leftOut }: Analyzed, { version, files }: PageInfo): string {
  const title = `Hadamard adapters${base === '' ? '' : ` on ${shorten(base)}`}`;
  const links = sections.map(({ id, title: name }) => `<a href="#${id}">${escapeHtml(name)}</a>`);
  const findings = sections.flatMap(({ findings: own }) => own);
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    `<title>${escapeHtml(title)}</title>`,
    `<style>${STYLE}</style>`,
    '</head>',
    '<body>',
    '<main>',
    `<h1>${escapeHtml(title)}</h1>`,
    '<p class="lead">What was trained, how methods compare, which of it is needed, and what tasks could share. A ' +
      'Hadamard adapter (Chen et al. 2023, arXiv 2407.11033) fine-tunes a pretrained transformer by one scale and ' +
      'one shift for each channel of its attention outputs; this page looks at adapters that were trained ' +
      'before.</p>',
    ...(findings.length === 0
      ? []
      : ['<h2 id="short">In short</h2>', '<ul>', ...findings.map((text) => `<li>${escapeHtml(text)}</li>`), '</ul>']),
    `<nav><a href="#runs">Runs</a>${links.join('')}<a href="#words">Words</a></nav>`,
    '<h2 id="runs">Runs</h2>',
    '<p>The adapters that this page is about.</p>',
    tableMarkup(runs, files),
    ...leftOutMarkup(leftOut),
    ...sections.map((section) => sectionMarkup(section, files)),
    '<h2 id="words">Words</h2>',
    `<dl>${WORDS.map(([word, meaning]) => `<dt>${word}</dt><dd>${escapeHtml(meaning)}</dd>`).join('')}</dl>`,
    `<footer>Made by hadamard analyze ${escapeHtml(version)}. Every table is a CSV file beside this page, with ` +
      'all digits.</footer>',
    '</main>',
    '</body>',
    '</html>',
    '',
  ].join('\n');
}

function leftOutMarkup(leftOut: Analyzed['leftOut']): string[] {
  if (leftOut.length === 0) return [];
  return [
    '<h3>Left out</h3>',
    '<ul>',
    ...leftOut.map(({ analysis, what, reason }) => `<li>${analysis}, ${escapeHtml(what)}: ${escapeHtml(reason)}.</li>`),
    '</ul>',
  ];
}

function sectionMarkup({ id, title, intro, blocks }: Section, files: PageInfo['files']): string {
  return [
    `<section id="${id}">`,
    `<h2>${escapeHtml(title)}</h2>`,
    `<p>${escapeHtml(intro)}</p>`,
    ...blocks.map((block) => blockMarkup(block, files)),
    '</section>',
  ].join('\n');
}

/** A plot with its numbers folded away, or the numbers alone. */
function blockMarkup({ title, caption, plots = [], legend = [], table }: Block, files: PageInfo['files']): string {
  const numbers = tableMarkup(table, files);
  return [
    '<figure>',
    `<h3>${escapeHtml(title)}</h3>`,
    ...(legend.length === 0
      ? []
      : [
          `<div class="legend">${legend
            .map(({ color, text }) => `<span><i style="background:${color}"></i>${escapeHtml(text)}</span>`)
            .join('')}</div>`,
        ]),
    ...(plots.length === 0 ? [] : [`<div class="plots">${plots.join('')}</div>`]),
    `<figcaption>${escapeHtml(caption)}</figcaption>`,
    plots.length === 0
      ? numbers
      : `<details><summary>Numbers (${table.rows.length} rows)</summary>${numbers}</details>`,
    '</figure>',
  ].join('\n');
}

function tableMarkup({ name, columns, rows }: DataTable, files: PageInfo['files']): string {
  const numeric = columns.map(({ key }) => rows.every((row) => typeof row[key] !== 'string'));
  const kind = (column: number): string => (numeric[column] === true ? ' class="n"' : '');
  const head = columns.map(({ title }, i) => `<th scope="col"${kind(i)}>${escapeHtml(title)}</th>`).join('');
  const body = rows.map(
    (row) =>
      `<tr>${columns.map((column, i) => `<td${kind(i)}>${escapeHtml(formatCell(row[column.key], column).replace(/^-(?=\d)/, '−'))}</td>`).join('')}</tr>`,
  );
  const file = files.get(name);
  return [
    `<div class="scroll"><table>`,
    `<thead><tr>${head}</tr></thead>`,
    '<tbody>',
    ...body,
    '</tbody></table></div>',
    ...(file === undefined ? [] : [`<p class="file">${escapeHtml(file)}</p>`]),
  ].join('\n');
}
