import { vi } from 'vitest';

type Modules = Readonly<Record<string, object>>;

const AsyncFunction = (async () => undefined).constructor as new (
  ...parts: string[]
) => (modules: Modules) => Promise<void>;

/** The examples of a README that say what they print: code, and that. */
export function examplesOf(readme: string): [code: string, printed: string][] {
  return [...readme.matchAll(/```js\n([\s\S]*?)```\n[\s\S]*?```text\n([\s\S]*?)```/g)].map(([, code, printed]) => [
    code as string,
    (printed as string).trimEnd(),
  ]);
}

/**
 * Run an example against the sources, and answer what it prints.
 *
 * @param modules by the names under which the example imports them; an import for its effect alone is left out.
 * @param replacements of texts in the code: where files lie here.
 */
export async function runExample(
  code: string,
  modules: Modules,
  replacements: Readonly<Record<string, string>> = {},
): Promise<string> {
  const imported = code
    .replaceAll(
      /import (?:\* as (\w+)|(\{[^}]+\})) from '([^']+)';/g,
      (_, all: string | undefined, some: string | undefined, name: string) =>
        `const ${all ?? some} = modules['${name}'];`,
    )
    .replaceAll(/import '[^']+';\n/g, '');
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  try {
    await new AsyncFunction(
      'modules',
      Object.entries(replacements).reduce((text, [from, to]) => text.replaceAll(from, to), imported),
    )(modules);
    return log.mock.calls.map((values) => values.join(' ')).join('\n');
  } finally {
    log.mockRestore();
  }
}
