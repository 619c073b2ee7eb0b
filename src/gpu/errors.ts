import { LinAlgError } from '../linalg/errors.js'

// What can go wrong with a device. Each of these leaves nothing behind on it.

/** The backend that was asked for cannot run here, or would silently be another one. */
export class GpuUnavailableError extends LinAlgError {
  constructor(backend: string, given: string, options?: ErrorOptions) {
    const expected =
      backend === 'auto'
        ? 'a hardware GPU (without one the CPU path of the same functions is the faster one)'
        : `the backend ${backend}`
    super('GPU_UNAVAILABLE', { fn: 'openGpu', argument: 'options.backend', expected, given }, options)
  }
}

/** The device is gone, and all that was on it; a new `openGpu` works. */
export class GpuLostError extends LinAlgError {
  constructor(fn: string, options?: ErrorOptions) {
    super(
      'GPU_LOST',
      {
        fn,
        argument: 'the GPU device',
        expected: 'a live device',
        given: 'one that was lost (open a new one and upload again)',
      },
      options,
    )
  }
}

/** The device has no room for what was asked of it. */
export class GpuMemoryError extends LinAlgError {
  constructor(fn: string, given: string, options?: ErrorOptions) {
    super('GPU_MEMORY', { fn, argument: 'device memory', expected: 'room on the device', given }, options)
  }
}
