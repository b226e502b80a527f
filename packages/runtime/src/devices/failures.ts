import { RuntimeError } from '@hadamard-adapter/core';

/**
 * The device is gone: DEVICE_LOST.
 *
 * @param why what is known of the reason, or the runtime's own words.
 */
export function deviceLost(device: string, why: string, cause?: unknown): RuntimeError {
  return new RuntimeError(`The device ${device} was lost`, {
    code: 'DEVICE_LOST',
    found: why,
    hint: 'The state of the last step is kept: save it, and load the model again.',
    cause,
  });
}

/**
 * The device has too little memory: OUT_OF_MEMORY.
 *
 * @param found what was wanted, or the runtime's own words.
 * @param hint what needs less on this runtime.
 */
export function outOfMemory(device: string, found: string, hint: string, cause: unknown): RuntimeError {
  return new RuntimeError(`The memory of the device ${device} does not suffice`, {
    code: 'OUT_OF_MEMORY',
    found,
    hint,
    cause,
  });
}
