import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { typedExamplesOf } from './readme.mjs';

/** Examples may leave names open: `pretrained`, `x`. */
const UNKNOWN_NAME = new Set([2304, 2552, 18_004]);

const MODES = {
  bundler: { module: ts.ModuleKind.ESNext, moduleResolution: ts.ModuleResolutionKind.Bundler },
  node16: { module: ts.ModuleKind.Node16, moduleResolution: ts.ModuleResolutionKind.Node16 },
};

/** The libraries of the language, which every program has in common. */
const libraries = new Map();

/**
 * What TypeScript says, the way a bundler and the way Node finds modules, to a program that imports every entry of a
 * package and has the examples of its README; our declarations are judged as well.
 */
export function typeProblems(folder, { name, readme }, entries) {
  const consumer = join(folder, 'consumer.ts');
  writeFileSync(
    consumer,
    [
      ...entries.map((entry, i) => `import * as entry${i} from '${entry}';`),
      `export const all: object[] = [${entries.map((_, i) => `entry${i}`).join(', ')}];`,
    ].join('\n'),
  );
  const examples = typedExamplesOf(readme).map((code, i) => {
    const path = join(folder, `example-${i}.ts`);
    writeFileSync(path, code);
    return path;
  });
  return Object.entries(MODES).flatMap(([mode, options]) => {
    const program = makeProgram([consumer, ...examples], options);
    const judged = program
      .getSourceFiles()
      .filter(
        ({ fileName }) =>
          fileName === consumer || examples.includes(fileName) || fileName.includes(`/node_modules/${name}/`),
      );
    const found = judged.flatMap((file) => [
      ...program.getSyntacticDiagnostics(file),
      ...program.getSemanticDiagnostics(file),
    ]);
    return [
      ...program.getOptionsDiagnostics(),
      ...found.filter(({ code, file }) => !(examples.includes(file?.fileName) && UNKNOWN_NAME.has(code))),
    ].map((each) => `types (${mode}): ${describe(each, folder)}`);
  });
}

function makeProgram(rootNames, mode) {
  const options = { ...mode, noEmit: true, strict: true, target: ts.ScriptTarget.ES2022, types: [] };
  const host = ts.createCompilerHost(options);
  const read = host.getSourceFile.bind(host);
  const own = ts.getDefaultLibFilePath(options).replace(/[^/\\]+$/, '');
  host.getSourceFile = (path, ...more) => {
    if (!path.startsWith(own)) return read(path, ...more);
    if (!libraries.has(path)) libraries.set(path, read(path, ...more));
    return libraries.get(path);
  };
  return ts.createProgram({ rootNames, options, host });
}

function describe({ file, start, messageText }, folder) {
  const message = ts.flattenDiagnosticMessageText(messageText, ' ');
  return file === undefined
    ? message
    : `${file.fileName.replace(`${folder}/`, '')}:${file.getLineAndCharacterOfPosition(start).line + 1}: ${message}`;
}
