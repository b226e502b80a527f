/**
 * Ask the native ONNX Runtime not to report to its makers. From 1.29 on its Linux and macOS builds do so unasked:
 * models, providers, errors and durations, with an identifier of the device that they keep in the home directory. Data
 * of our users stay with them, so this package says no for them, unless they have set the variable themselves, to
 * whatever value.
 *
 * ONNX Runtime reads it when the first session of the process is made. A worker thread writes a copy of the
 * environment, which does not reach it.
 */
export function declineTelemetry(): void {
  process.env['ORT_DISABLE_TELEMETRY'] ??= '1';
}
