import { existsSync, readFileSync, readdirSync } from 'node:fs';
import ts from 'typescript';

/** A place in the sources that names an error code. */
export interface ThrowSite {
  readonly code: string;
  readonly package: string;
  /** Below `src/` of the package. */
  readonly file: string;
  readonly line: number;
  /** The class that is thrown, where the code stands in `new SomeError(…)`. */
  readonly error?: string;
  /** The first part of the message as it stands there, `…` where a value goes. */
  readonly message?: string;
}

const CODE = /^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)*$/;
const packages = new URL('../../../packages/', import.meta.url);

let known: readonly ThrowSite[] | undefined;

/** Every place in the packages that names an error code, read from the sources: no list is kept by hand. */
export function throwSites(): readonly ThrowSite[] {
  return (known ??= readdirSync(packages)
    .toSorted()
    .flatMap((name) => sourcesOf(name).flatMap((file) => sitesOf(name, file))));
}

/** Those places by code, alphabetically. */
export function sitesByCode(): ReadonlyMap<string, readonly ThrowSite[]> {
  const codes = [...new Set(throwSites().map(({ code }) => code))].toSorted();
  return new Map(codes.map((code) => [code, throwSites().filter((site) => site.code === code)]));
}

function sourcesOf(name: string): string[] {
  const root = new URL(`${name}/src/`, packages);
  // A package may hold data alone.
  if (!existsSync(root)) return [];
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.endsWith('onnx_pb.ts'))
    .toSorted();
}

function sitesOf(name: string, file: string): ThrowSite[] {
  const text = readFileSync(new URL(`${name}/src/${file}`, packages), 'utf8');
  if (!/\bcode\b/.test(text)) return [];
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const sites: ThrowSite[] = [];
  const add = (node: ts.Node, codes: readonly string[], details: Pick<ThrowSite, 'error' | 'message'> = {}): void => {
    for (const code of codes)
      sites.push({
        code,
        package: name,
        file,
        line: source.getLineAndCharacterOfPosition(node.getStart()).line + 1,
        ...details,
      });
  };
  /** Functions of this file that make an error of a code they are handed: their name, and which argument it is. */
  const makers = new Map<string, number>();
  let fromList = false;
  visit(source, (node) => {
    if (ts.isFunctionLike(node) && node.name !== undefined && /\bnew \w*Error\(/.test(node.getText())) {
      const place = node.parameters.findIndex((parameter) => parameter.name.getText() === 'code');
      if (place >= 0) makers.set(node.name.getText(), place);
    }
    if (ts.isArrayBindingPattern(node) && node.elements.some((element) => element.getText() === 'code'))
      fromList = true;
  });
  visit(source, (node) => {
    if (ts.isPropertyAssignment(node) && node.name.getText() === 'code')
      add(node, codesIn(node.initializer), errorAround(node));
    else if (ts.isVariableDeclaration(node) && node.name.getText() === 'code' && node.initializer !== undefined)
      add(node, codesIn(node.initializer));
    else if (ts.isCallExpression(node) && makers.has(node.expression.getText())) {
      const argument = node.arguments[makers.get(node.expression.getText()) as number];
      if (argument !== undefined) add(node, codesIn(argument));
    } else if (fromList && ts.isArrayLiteralExpression(node))
      add(
        node,
        node.elements.flatMap((element) =>
          ts.isStringLiteral(element) && element.text.includes('_') ? codesIn(element) : [],
        ),
      );
  });
  return sites;
}

function visit(node: ts.Node, work: (node: ts.Node) => void): void {
  work(node);
  ts.forEachChild(node, (child) => visit(child, work));
}

/** The codes that an expression can be: a literal, or the branches of a condition. */
function codesIn(node: ts.Expression): string[] {
  if (ts.isStringLiteral(node)) return CODE.test(node.text) ? [node.text] : [];
  if (ts.isConditionalExpression(node)) return [...codesIn(node.whenTrue), ...codesIn(node.whenFalse)];
  return ts.isParenthesizedExpression(node) || ts.isAsExpression(node) ? codesIn(node.expression) : [];
}

/** Class and message of `new SomeError(message, { code })`, where the code stands in one. */
function errorAround(property: ts.PropertyAssignment): Pick<ThrowSite, 'error' | 'message'> {
  const call = property.parent.parent;
  if (!ts.isNewExpression(call)) return {};
  const [message] = call.arguments ?? [];
  const error = call.expression.getText();
  const text = message === undefined ? undefined : textOf(message);
  return { ...(error.endsWith('Error') ? { error } : {}), ...(text === undefined ? {} : { message: text }) };
}

function textOf(node: ts.Expression): string | undefined {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isTemplateExpression(node))
    return node.head.text + node.templateSpans.map(({ literal }) => `…${literal.text}`).join('');
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.PlusToken) {
    const [left, right] = [textOf(node.left), textOf(node.right)];
    return left === undefined || right === undefined ? undefined : left + right;
  }
  return undefined;
}
