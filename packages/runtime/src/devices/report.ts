import { messageOf } from '@hadamard-adapter/core/internal';

/** What was found out about one device. */
export interface DeviceReport {
  readonly device: string;
  readonly available: boolean;
  /** Why it is not, in one sentence. */
  readonly reason?: string;
}

/**
 * Try one device: it is available when a small graph of the operators that matter answered the right numbers on it.
 *
 * @param trial opens the device, runs `TRIAL_GRAPH` on it and answers by how much it is off at most.
 * @param tolerance how much a sound device may be off.
 */
export async function tryDevice(
  device: string,
  trial: () => Promise<number>,
  tolerance: number,
): Promise<DeviceReport> {
  try {
    const worst = await trial();
    return worst <= tolerance
      ? { device, available: true }
      : { device, available: false, reason: `It computes wrong numbers: off by ${worst}` };
  } catch (error) {
    return { device, available: false, reason: messageOf(error) };
  }
}

/** Names of the devices that work, in the order of the reports. */
export const availableIn = (reports: readonly DeviceReport[]): string[] =>
  reports.flatMap(({ device, available }) => (available ? [device] : []));
