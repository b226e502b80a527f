import { Command } from 'commander';
import {
  DEFAULT_VARIANTS,
  runCoreSuite,
  runSuite,
  type ModelCount,
  type SuiteOptions,
  type SuiteReport,
} from '@hadamard-adapter/conformance';
import { packagedFixtures, readFixtures } from '@hadamard-adapter/conformance/node';
import { jsonOption, list } from '../options.js';
import { EXIT, print, printJson } from '../output/report.js';
import { table } from '../output/tables.js';
import { driverOf } from '../verify/drivers.js';

interface VerifyFlags {
  readonly fixtures: string;
  readonly runtime: string;
  readonly device: string;
  readonly family?: string[];
  readonly variant?: string[];
  readonly key?: string;
  readonly json?: boolean;
}

export function verifyCommand(): Command {
  return new Command('verify')
    .description('run the conformance suite: does a runtime compute what PyTorch computes?')
    .option('--fixtures <folder>', 'fixture folder (default: the one that comes with the package)', packagedFixtures)
    .option(
      '--runtime <name>',
      "runtime to verify: onnxruntime, tfjs, reference (the same graphs in float64), core (core's math alone, " +
        'without graphs)',
      'onnxruntime',
    )
    .option('--device <name>', 'device of the runtime', 'cpu')
    .option('--family <name>', 'family to run, repeatable (default: all)', list)
    .option('--variant <file>', 'model file to run, repeatable (default: all that the suite knows)', list)
    .option('--key <pattern>', 'run only cases whose key matches; * stands for anything')
    .addOption(jsonOption())
    .action(async (flags: VerifyFlags) => {
      process.exitCode = await runVerify(flags);
    });
}

async function runVerify({ fixtures, runtime, device, family, variant, key, json }: VerifyFlags): Promise<number> {
  const options: SuiteOptions = {
    ...(family === undefined ? {} : { families: family }),
    ...(variant === undefined
      ? {}
      : { variants: variant.map((name) => (/\.(onnx|safetensors)$/.test(name) ? name : `${name}.onnx`)) }),
    ...(key === undefined ? {} : { key }),
    onCase: ({ key: name, outcome }) => {
      if (json !== true && process.stderr.isTTY) process.stderr.write(`\r${outcome} ${name}`.padEnd(100).slice(0, 100));
    },
  };
  const driver = runtime === 'core' ? undefined : await driverOf(runtime, device);
  const cases = await readFixtures(fixtures, family);
  const report = driver === undefined ? runCoreSuite(cases, options) : await runSuite(driver, cases, options);
  if (json !== true && process.stderr.isTTY) process.stderr.write('\r'.padEnd(101) + '\r');
  if (json === true) printJson(report);
  else printSuite(report);
  // A run without a case proves nothing: a misspelt filter must not look like success.
  if (report.passed + report.failed + report.gaps.length === 0) {
    process.stderr.write('no case matches\n');
    return EXIT.failed;
  }
  return report.failed === 0 ? EXIT.ok : EXIT.failed;
}

function printSuite({
  runtime,
  device,
  passed,
  failed,
  gaps,
  failures,
  families,
  models,
  notCovered,
  seconds,
}: SuiteReport): void {
  const measures = ['hidden', 'logits', 'loss', 'gradient', 'trajectory', 'identity', 'fold', 'direction'] as const;
  const cell = (error: number | undefined): string => (error === undefined ? '–' : error.toExponential(1));
  print(
    `${runtime} on ${device}: ${passed} cases passed, ${failed} failed, ${gaps.length} declared gaps ` +
      `(${seconds.toFixed(1)} s)`,
  );
  print('largest absolute errors');
  print(
    table(
      ['family', ...measures],
      Object.entries(families).map(([name, errors]) => [name, ...measures.map((measure) => cell(errors[measure]))]),
    ),
  );
  const order = (file: string): number => DEFAULT_VARIANTS.indexOf(file);
  const files = [...new Set(Object.values(models).flatMap((counts) => Object.keys(counts)))].toSorted(
    (a, b) => order(a) - order(b),
  );
  if (files.length > 0) {
    print('cases passed, by model file');
    const count = ({ passed: own, total }: ModelCount): string => (own === total ? String(own) : `${own} of ${total}`);
    const label = (file: string): string =>
      file
        .replace(/^model\./, '')
        .replace(/^onnx$/, 'model')
        .replace(/\.onnx$/, '');
    print(
      table(
        ['family', ...files.map(label)],
        Object.entries(models).map(([name, counts]) => [
          name,
          ...files.map((file) => (counts[file] === undefined ? '–' : count(counts[file]))),
        ]),
      ),
    );
  }
  for (const { key, reason } of gaps) print(`gap     ${key}: ${reason}`);
  for (const { key, message } of failures) print(`FAILED  ${key}: ${message}`);
  for (const { what, reason } of notCovered) print(`not covered: ${what} (${reason})`);
}
