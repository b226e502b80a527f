import { compileServing, compileServingRows } from '@hadamard-adapter/compiler/internal';
import { elementAt } from '@hadamard-adapter/core/internal';
import type { RetryOnDeviceLoss, ServingPrograms, ServingRequest } from '@hadamard-adapter/runtime/internal';
import type { Device } from '../devices/device.js';
import { tokenFeeds } from '../feeds.js';
import type { Feeds } from '../ort.js';
import { Programs } from '../programs.js';
import { floats, type Session } from '../session.js';
import { oneFeeds, stackedFeeds } from './feeds.js';

/** The serving graphs of one model on ONNX Runtime. */
export class OrtServingPrograms implements ServingPrograms {
  private readonly device: RetryOnDeviceLoss<Device>;
  private readonly programs: Programs;

  constructor(device: RetryOnDeviceLoss<Device>) {
    this.device = device;
    this.programs = new Programs(() => device.current);
  }

  run(request: ServingRequest): Promise<Float32Array> {
    return this.device.run(
      () => this.runOnce(request),
      () => this.programs.abandon(),
    );
  }

  release(): Promise<void> {
    return this.programs.release();
  }

  private async runOnce(request: ServingRequest): Promise<Float32Array> {
    const { model, output, batch, adapters } = request;
    const one = adapters.length === 1;
    const session = await this.programs.get(`${one ? 'one' : 'rows'}:${output}`, () =>
      one ? compileServing(model, output) : compileServingRows(model, output),
    );
    const value = output === 'hidden' ? model.model.canonical.hidden : 'logits';
    const { Tensor } = this.device.current.ort;
    const tokens = tokenFeeds(Tensor, session.inputs, batch);
    const feeds: Feeds = { ...tokens, ...this.adapterFeeds(request, session) };
    return floats(await session.run(feeds, [value]), value);
  }

  private adapterFeeds({ model, adapters, rows }: ServingRequest, { inputs }: Session): Feeds {
    const { Tensor } = this.device.current.ort;
    return adapters.length === 1
      ? oneFeeds(Tensor, model, elementAt(adapters, 0), inputs)
      : stackedFeeds(Tensor, model, adapters, rows, inputs);
  }
}
