import { HadamardError } from '@hadamard-adapter/core';
import { PROBE, expectedAnswer, probeInput } from '@hadamard-adapter/runtime/internal';
import { createSession, floats } from '../session.js';
import type { DeviceOptions, Notice, Platform } from './device.js';
import { openDevice } from './open.js';

/** What was found out about one device. */
export interface DeviceReport {
  readonly device: string;
  readonly available: boolean;
  /** Why it is not, in one sentence. */
  readonly reason?: string;
  readonly notices: readonly Notice[];
}

/**
 * Every device of this place, tried: it is available when a small graph of the operators that matter was created, run,
 * and answered the right numbers. A driver that exists and computes nonsense is not a device.
 */
export const probeOn =
  (platform: Platform) =>
  async (options: Omit<DeviceOptions, 'onNotice'> = {}): Promise<DeviceReport[]> => {
    const reports: DeviceReport[] = [];
    for (const device of platform.devices) reports.push(await probe(platform, device, options));
    return reports;
  };

/** Names of the devices that work here, the fastest first. */
export const availableOn =
  (platform: Platform) =>
  async (options: Omit<DeviceOptions, 'onNotice'> = {}): Promise<string[]> =>
    (await probeOn(platform)(options)).flatMap(({ device, available }) => (available ? [device] : []));

async function probe(
  platform: Platform,
  name: string,
  options: Omit<DeviceOptions, 'onNotice'>,
): Promise<DeviceReport> {
  const notices: Notice[] = [];
  try {
    const device = await openDevice(platform, name, { ...options, onNotice: (notice) => notices.push(notice) });
    try {
      const session = await createSession(device, PROBE);
      const found = await floats(
        await session.run({ x: new device.ort.Tensor('float32', probeInput(), PROBE.inputs[0]?.dims as number[]) }, [
          'y',
        ]),
        'y',
      );
      await session.release();
      const worst = Math.max(...Array.from(expectedAnswer(), (value, i) => Math.abs(value - (found[i] ?? Number.NaN))));
      if (worst <= TOLERANCE) return { device: name, available: true, notices };
      return { device: name, available: false, reason: `It computes wrong numbers: off by ${worst}`, notices };
    } finally {
      device.close();
    }
  } catch (error) {
    return {
      device: name,
      available: false,
      reason: error instanceof HadamardError ? error.message : String(error),
      notices,
    };
  }
}

/** Half precision, which some drivers slip in, is off by 1e-3 here. */
const TOLERANCE = 1e-5;
