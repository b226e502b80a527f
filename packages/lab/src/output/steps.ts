import { SingleBar } from 'cli-progress';
import { colors } from '@hadamard-adapter/cli/internal';

/** How far something is that takes many steps of one kind after another of several kinds. */
export interface StepsView {
  readonly show: (doing: string, done: number, total: number) => void;
  stop(): void;
}

/** A bar for each kind of step on a terminal; elsewhere a line when one begins. */
export function stepBars(stream: NodeJS.WriteStream = process.stderr): StepsView {
  let current: string | undefined;
  let bar: SingleBar | undefined;
  return {
    show(doing, done, total) {
      if (doing !== current) {
        bar?.stop();
        current = doing;
        if (stream.isTTY) {
          bar = new SingleBar({
            stream,
            format: `${colors.cyan(doing)} {bar} {value} of {total}`,
            barCompleteChar: '━',
            barIncompleteChar: '─',
            hideCursor: true,
            clearOnComplete: true,
            barsize: 24,
          });
          bar.start(total, 0);
        } else stream.write(`${doing}\n`);
      }
      bar?.update(Math.min(done, total));
    },
    stop() {
      bar?.stop();
      bar = undefined;
    },
  };
}

/** For machines. */
export const noSteps = (): StepsView => ({ show: () => {}, stop: () => {} });
