import { join } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { allBlocks, root, site, type Block } from './docs-pages.js';

/** What fragments of READMEs leave out. The code is put in the place of `CODE`. */
const FRAGMENTS: readonly { readonly file: string; readonly has: string; readonly whole: string }[] = [
  {
    file: 'packages/tfjs/README.md',
    has: 'injectAdapters(pretrained',
    whole: 'declare const pretrained: tf.LayersModel;\ndeclare const x: tf.Tensor;\ndeclare const y: tf.Tensor;\nCODE',
  },
  { file: 'packages/conformance/README.md', has: 'const gaps', whole: 'CODE\nexport {};' },
];

const fragmentOf = ({ file, code }: Block): (typeof FRAGMENTS)[number] | undefined =>
  FRAGMENTS.find((each) => each.file === file && code.includes(each.has));

function wholeOf(block: Block): string {
  const { code, note } = block;
  const fragment = fragmentOf(block);
  const given = note.startsWith('given: ') ? `${note.slice('given: '.length)}\n` : '';
  return `${given}${fragment === undefined ? code : fragment.whole.replace('CODE', () => code)}\nexport {};\n`;
}

/** In JavaScript what is not typed is no mistake; names, imports, properties and the number of arguments are judged. */
const JUDGED_IN_JAVASCRIPT = new Set([2304, 2305, 2307, 2339, 2551, 2552, 2554, 2555, 2614, 2724]);
const isMistake = (language: string, { code }: ts.Diagnostic): boolean =>
  language === 'ts' || code < 2000 || JUDGED_IN_JAVASCRIPT.has(code);

/**
 * What the compiler says of each block, by its place. Blocks stand beside the file they are from, so that they find
 * what it would find.
 */
function mistakes(blocks: readonly Block[]): Map<string, string[]> {
  const config = ts.readConfigFile(join(site, 'tsconfig.api.json'), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, site);
  const settings: ts.CompilerOptions = {
    ...options,
    allowJs: true,
    checkJs: true,
    noEmit: true,
    composite: false,
    types: ['node', '@webgpu/types', 'vite/client'],
    exactOptionalPropertyTypes: false,
    noUncheckedIndexedAccess: false,
  };
  const virtual = new Map(
    blocks.map((block) => [
      join(root, block.file, '..', `.block-${block.file.replaceAll(/\W/g, '-')}-${block.line}.${block.language}`),
      block,
    ]),
  );
  const host = ts.createCompilerHost(settings);
  const { fileExists, readFile, getSourceFile } = host;
  const sourceOf = (path: string): string | undefined => {
    const block = virtual.get(path);
    return block === undefined ? undefined : wholeOf(block);
  };
  host.fileExists = (path) => virtual.has(path) || fileExists(path);
  host.readFile = (path) => sourceOf(path) ?? readFile(path);
  host.getSourceFile = (path, language, onError, fresh) => {
    const text = sourceOf(path);
    return text === undefined
      ? getSourceFile(path, language, onError, fresh)
      : ts.createSourceFile(path, text, language, true);
  };
  const program = ts.createProgram([...virtual.keys()], settings, host);
  return new Map(
    [...virtual].map(([path, block]) => {
      const source = program.getSourceFile(path) as ts.SourceFile;
      const found = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)].filter(
        (each) => isMistake(block.language, each),
      );
      return [
        `${block.file}:${block.line}`,
        found.map(
          ({ code, messageText, start = 0 }) =>
            `TS${code} at "${source.text.slice(start, start + 40).split('\n')[0]}": ` +
            `${ts.flattenDiagnosticMessageText(messageText, ' ')}`,
        ),
      ];
    }),
  );
}

describe('code in the documentation', () => {
  const blocks = allBlocks().filter(({ language }) => language === 'ts' || language === 'js');
  const found = mistakes(blocks);

  it('is there', () => {
    expect(blocks.length).toBeGreaterThan(25);
    expect(blocks.filter(({ file }) => file.startsWith('apps/docs/')).length).toBeGreaterThan(12);
  });

  it.each([...found.keys()])('%s compiles', (place) => expect(found.get(place)).toEqual([]));

  it('leaves nothing out', () => {
    for (const { file, line, code } of blocks)
      expect(code, `${file}:${line}`).not.toMatch(/(?:^|[\s(,{])(?:…|\.\.\.)(?:$|[\s),}])/m);
  });

  it('needs each fragment that is completed here', () => {
    for (const { file, has } of FRAGMENTS)
      expect(
        blocks.some((block) => block.file === file && block.code.includes(has)),
        has,
      ).toBe(true);
  });
});
