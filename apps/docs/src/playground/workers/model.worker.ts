// oxlint-disable-next-line no-unassigned-import -- the worker is what the module does
import '@hadamard-adapter/onnxruntime/worker';
import { probeDevices, type DeviceOptions } from '@hadamard-adapter/onnxruntime/web';

// The worker of one model also tries the devices: what it loads for that is then in the place where training needs it,
// network or not.
addEventListener('message', ({ data }: MessageEvent<{ readonly probe?: Pick<DeviceOptions, 'threads'> } | null>) => {
  if (data?.probe === undefined) return;
  void probeDevices(data.probe).then((reports) => postMessage({ reports }));
});
