import { SingleBar } from 'cli-progress';
import type { TrainEvent, TrainResult } from '@hadamard-adapter/core';
import { colors } from './colors.js';

/** How a run shows itself while it goes on. */
export type TrainingView = (event: TrainEvent) => void;

const NAMES: Readonly<Record<string, string>> = { classifier: 'classifier', adapter: 'adapter' };

/**
 * One bar per stage: stage, epoch, loss, examples/s, time left; a line per finished epoch. On something that is not a
 * terminal only the lines.
 */
export function trainingBars(stream: NodeJS.WriteStream = process.stderr): TrainingView {
  let bar: SingleBar | undefined;
  let started = 0;
  let before = 0;
  let loss = 0;
  const line = (text: string): void => {
    bar?.stop();
    stream.write(`${text}\n`);
  };

  const start = (label: string, total: number): void => {
    bar?.stop();
    started = performance.now();
    loss = 0;
    if (!stream.isTTY) return;
    bar = new SingleBar({
      stream,
      format: `${colors.cyan(label.padEnd(11))} {bar} {percentage}% | {note}`,
      barCompleteChar: '━',
      barIncompleteChar: '─',
      hideCursor: true,
      clearOnComplete: true,
      barsize: 24,
    });
    bar.start(Math.max(1, total), 0, { note: '' });
  };

  return (event) => {
    switch (event.type) {
      case 'stage-start':
        before = 0;
        start(NAMES[event.stage] ?? event.stage, event.totalExamples);
        break;
      case 'precompute':
        bar?.update(0, { note: `computing ahead ${event.done}/${event.total} of ${event.split}` });
        started = performance.now();
        break;
      case 'step': {
        // Smoothed, so that a person can read a trend in it.
        loss = loss === 0 ? event.loss : 0.95 * loss + 0.05 * event.loss;
        if (before === 0) before = event.examples;
        const seconds = (performance.now() - started) / 1000;
        const speed = Math.max(event.examples - before, 1) / Math.max(seconds, 1e-3);
        const left = (event.totalExamples - event.examples) / speed;
        bar?.update(event.examples, {
          note:
            `epoch ${event.epoch} | loss ${loss.toFixed(4)} | ${speed.toFixed(0)} examples/s | ${duration(left)} ` +
            'left',
        });
        break;
      }
      case 'evaluating':
        bar?.update({ note: `epoch ${event.epoch} | scoring ${event.done}/${event.total}` });
        break;
      case 'epoch-end': {
        const { record } = event;
        const score = record.score === undefined ? '' : `  score ${record.score.toFixed(4)}`;
        if (!stream.isTTY) line(`${event.stage} epoch ${record.epoch}: loss ${record.loss.toFixed(4)}${score}`);
        break;
      }
      case 'stage-end':
        line(
          `${colors.green('✓')} ${event.stage}: ${scoresText(event.result.scores)}kept epoch ` +
            `${event.result.bestEpoch} of ${event.result.epochs}`,
        );
        bar = undefined;
        break;
      case 'interrupted':
      case 'end':
        bar?.stop();
        bar = undefined;
        break;
      default:
        break;
    }
  };
}

export function silent(): TrainingView {
  return () => undefined;
}

export function scoresText(scores: TrainResult['stages'][number]['scores']): string {
  const parts = Object.entries(scores ?? {}).map(([name, value]) => `${name} ${value.toFixed(4)}`);
  return parts.length === 0 ? '' : `${parts.join(', ')}, `;
}

/** `42 s`, `3 min 05 s`, `1 h 20 min`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`;
}
