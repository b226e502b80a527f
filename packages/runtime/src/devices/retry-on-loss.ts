import { HadamardError } from '@hadamard-adapter/core';

/** The device of one model, and its successor when it is lost. */
export class RetryOnDeviceLoss<Device extends { close(): void }> {
  private device: Device;
  /** The successor, while it is being opened. */
  private opening: Promise<Device> | undefined;
  private readonly open: () => Promise<Device>;

  /** @param open opens another device like `first`. */
  constructor(first: Device, open: () => Promise<Device>) {
    this.device = first;
    this.open = open;
  }

  get current(): Device {
    return this.device;
  }

  /**
   * Run `work`; when the device is lost meanwhile (a reset of the GPU, a driver that was updated), open another one,
   * call `abandon` for what the old one held, and run it once more. A second loss in the same work is thrown: the work
   * itself is then the likely reason.
   *
   * @throws RuntimeError DEVICE_LOST.
   */
  async run<T>(work: () => Promise<T>, abandon: () => void): Promise<T> {
    const started = this.device;
    try {
      return await work();
    } catch (error) {
      if (!isLoss(error)) throw error;
      // Of several calls that the loss met, the first replaces the device, and all go on with the same.
      if (this.device === started) await this.replace(abandon, error);
      return work();
    }
  }

  close(): void {
    this.device.close();
  }

  private async replace(abandon: () => void, loss: unknown): Promise<void> {
    if (this.opening === undefined) {
      abandon();
      this.opening = this.open();
    }
    this.device = await this.opening
      .catch(() => {
        throw loss;
      })
      .finally(() => (this.opening = undefined));
  }
}

const isLoss = (error: unknown): boolean => error instanceof HadamardError && error.code === 'DEVICE_LOST';
