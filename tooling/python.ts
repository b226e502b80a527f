import { execFileSync } from 'node:child_process';

const COMMAND = process.env['PYTHON'] ?? 'python3';

/**
 * Undefined when there is a Python (PYTHON, or else `python3`) with these modules; otherwise the reason for skipping
 * what needs it, printed.
 */
export function noPython(...modules: readonly string[]): string | undefined {
  try {
    // Looked for rather than imported: importing them takes many seconds.
    execFileSync(
      COMMAND,
      [
        '-c',
        'import importlib.util as u, sys; sys.exit(any(u.find_spec(m) is None for m in sys.argv[1:]))',
        ...modules,
      ],
      { stdio: 'ignore', timeout: 60_000 },
    );
    return undefined;
  } catch {
    const reason = `skipped: no ${modules.join('/')}`;
    console.warn(reason);
    return reason;
  }
}

/**
 * Run a Python program, kept from the network.
 *
 * @throws Error with what it wrote when it fails.
 */
export function runPython(args: readonly string[], { input }: { readonly input?: string } = {}): string {
  try {
    return execFileSync(COMMAND, args, {
      encoding: 'utf8',
      timeout: 280_000,
      maxBuffer: 2 ** 26,
      env: { ...process.env, HF_HUB_OFFLINE: '1', TOKENIZERS_PARALLELISM: 'false' },
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(input === undefined ? {} : { input }),
    });
  } catch (error) {
    throw new Error(`Python failed: ${String((error as { stderr?: string }).stderr ?? '').slice(-4000)}`, {
      cause: error,
    });
  }
}
