/** What has crossed between host and device and what is there. Gpus of one backend share a device, and these. */
export interface GpuStats {
  /** Bytes that went to the device: uploads, thin operands, uniforms. */
  readonly bytesUp: number
  /** Bytes that came back. */
  readonly bytesDown: number
  /** Kernels and pipelines that were built. */
  readonly kernels: number
  /** Kernels and shader passes that were run. */
  readonly dispatches: number
  /** Arrays that are on the device. */
  readonly handles: number
}

/** Counts on behalf of an engine. On webasm and cpu, which have no memory of their own, as if they had. */
export class Ledger implements GpuStats {
  bytesUp = 0
  bytesDown = 0
  kernels = 0
  dispatches = 0
  handles = 0

  /** A free that is counted, and happens once. */
  held(free: () => void): () => void {
    this.handles++
    let there = true
    return () => {
      if (!there) return
      there = false
      this.handles--
      free()
    }
  }

  stats(): GpuStats {
    const { bytesUp, bytesDown, kernels, dispatches, handles } = this
    return { bytesUp, bytesDown, kernels, dispatches, handles }
  }
}
