import { operatorFromSteps } from '../../linalg/operators.js'
import type { AsyncLinearOperator, ProductSteps, Shape } from '../../linalg/operators.js'
import type { Held } from './held.js'

/** The relative rounding of what a device computes: float32's. */
export const SINGLE = 2 ** -23

/** What lies on a device until it is disposed, by hand, by `using`, or with its `Gpu`. */
export interface OnGpu {
  /** Frees the memory on the device, after the work that is running; what is asked afterwards rejects. */
  dispose(): void
  [Symbol.dispose](): void
}

/** A matrix on a device, known by its products. */
export interface GpuOperator extends AsyncLinearOperator, OnGpu {}

export const disposable = (held: Held): OnGpu => ({
  dispose: () => held.dispose(),
  [Symbol.dispose]: () => held.dispose(),
})

/** An operator from its products on a device. */
export function gpuOperator(shape: Shape, held: Held, steps: ProductSteps): GpuOperator {
  return Object.assign(operatorFromSteps(shape, true, steps, SINGLE) as AsyncLinearOperator, disposable(held))
}
