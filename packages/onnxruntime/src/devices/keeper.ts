import { HadamardError } from '@hadamard-adapter/core';
import type { Device } from './device.js';

/** The device of one model, and its successor when it is lost. */
export interface DeviceKeeper {
  current(): Device;
  /**
   * Run `work`; when the device is lost meanwhile (a reset of the GPU, a driver that was updated), open another one,
   * call `abandon` for what the old one held, and run it once more. A second loss in the same work is thrown: the work
   * itself is then the likely reason.
   *
   * @throws RuntimeError DEVICE_LOST.
   */
  surviving<T>(work: () => Promise<T>, abandon: () => void): Promise<T>;
  close(): void;
}

export function keepDevice(first: Device, open: () => Promise<Device>): DeviceKeeper {
  let device = first;
  let opening: Promise<Device> | undefined;
  return {
    current: () => device,
    async surviving(work, abandon) {
      const started = device;
      try {
        return await work();
      } catch (error) {
        if (!isLoss(error)) throw error;
        // Of several calls that the loss met, the first replaces the device, and all go on with the same.
        if (device === started) {
          if (opening === undefined) {
            abandon();
            opening = open();
          }
          device = await opening
            .catch(() => {
              throw error;
            })
            .finally(() => (opening = undefined));
        }
        return work();
      }
    },
    close: () => device.close(),
  };
}

const isLoss = (error: unknown): boolean => error instanceof HadamardError && error.code === 'DEVICE_LOST';
