import {
  TRIAL_DIMS,
  TRIAL_GRAPH,
  availableIn,
  largestError,
  trialAnswer,
  trialInput,
  tryDevice,
  type DeviceReport as TrialReport,
} from '@hadamard-adapter/runtime/internal';
import { createSession, floats } from '../session.js';
import type { Device, DeviceOptions, Notice, Platform } from './device.js';
import { openDevice } from './open.js';

/** What was found out about one device. */
export interface DeviceReport extends TrialReport {
  readonly notices: readonly Notice[];
}

/** Float16, which some drivers slip in, is off by 1e-3 here. */
const TOLERANCE = 1e-5;

/**
 * Every device of this platform, tried: it is available when a small graph of the operators that matter was created,
 * run, and answered the right numbers. A driver that exists and computes nonsense is not a device.
 */
export const probeOn =
  (platform: Platform) =>
  async (options: Omit<DeviceOptions, 'onNotice'> = {}): Promise<DeviceReport[]> => {
    const reports: DeviceReport[] = [];
    for (const name of platform.devices) {
      const notices: Notice[] = [];
      const trial = async (): Promise<number> =>
        deviceTrial(await openDevice(platform, name, { ...options, onNotice: (notice) => notices.push(notice) }));
      reports.push({ ...(await tryDevice(name, trial, TOLERANCE)), notices });
    }
    return reports;
  };

/** Names of the devices that work here, the fastest first. */
export const availableOn =
  (platform: Platform) =>
  async (options: Omit<DeviceOptions, 'onNotice'> = {}): Promise<string[]> =>
    availableIn(await probeOn(platform)(options));

/** By how much a device is off at most in the answer of a small graph. It is closed afterwards. */
async function deviceTrial(device: Device): Promise<number> {
  try {
    const session = await createSession(device, TRIAL_GRAPH);
    const input = new device.ort.Tensor('float32', trialInput(), TRIAL_DIMS);
    const found = await floats(await session.run({ x: input }, ['y']), 'y');
    await session.release();
    return largestError(found, trialAnswer());
  } finally {
    device.close();
  }
}
