import { complaintOf } from './complaint.js';
import type { ModelHost } from './model-host.js';
import { observable, type Observable } from './observable.js';
import { wasmThreads } from './threads.js';

export interface DeviceChoice {
  readonly device: string;
  readonly name: string;
  readonly about: string;
  /** Undefined while it is tried. */
  readonly available: boolean | undefined;
  /** Why it is not available. */
  readonly reason: string | undefined;
}

export interface DeviceState {
  readonly choices: readonly DeviceChoice[];
  readonly chosen: string;
}

export interface Devices {
  readonly state: Observable<DeviceState>;
  choose(device: string): void;
  /** Try them all; the one that is prepared can be used meanwhile. */
  probe(): Promise<void>;
  /** After it failed in the middle of work. */
  lost(device: string): void;
}

export const nameOf = (device: string): string => NAMES[device] ?? device;

const NAMES: Readonly<Record<string, string>> = { wasm: 'WASM', webgpu: 'WebGPU' };

/** Says how many threads WASM has, and what it takes to have more. */
function aboutWasm(): string {
  const threads = wasmThreads();
  if (threads === undefined)
    return 'the processor, one thread, since this site is served without the headers that allow more';
  return `the processor, ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
}

/**
 * Trying a device takes seconds where shaders are compiled in software; a driver that hangs must not leave the page
 * waiting for good.
 */
const PROBE_MS = 60_000;

export function devices(host: ModelHost): Devices {
  const state = observable<DeviceState>({
    choices: [
      { device: 'wasm', name: nameOf('wasm'), about: aboutWasm(), available: true, reason: undefined },
      {
        device: 'webgpu',
        name: nameOf('webgpu'),
        about: 'the graphics processor',
        available: undefined,
        reason: undefined,
      },
    ],
    chosen: 'wasm',
  });
  const report = (device: string, available: boolean, reason: string | undefined): void => {
    const choices = state
      .get()
      .choices.map((choice) => (choice.device === device ? { ...choice, available, reason } : choice));
    const { chosen } = state.get();
    const usable = choices.find((choice) => choice.available === true)?.device ?? chosen;
    state.set({
      choices,
      chosen: choices.some((choice) => choice.device === chosen && choice.available === true) ? chosen : usable,
    });
  };
  return {
    state,
    choose: (device) => state.patch({ chosen: device }),
    async probe() {
      const late = new Promise<never>((_, reject) =>
        setTimeout(() => reject(new Error('it did not answer within a minute')), PROBE_MS),
      );
      try {
        for (const { device, available, reason } of await Promise.race([host.probe(), late]))
          report(device, available, reason);
      } catch (error) {
        report('webgpu', false, complaintOf(error).message);
      }
    },
    lost: (device) =>
      report(
        device,
        device === 'wasm',
        device === 'wasm' ? undefined : 'It was lost while it worked. Load the page again to use it.',
      ),
  };
}
