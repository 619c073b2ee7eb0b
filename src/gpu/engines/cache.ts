// Kernels are built per shape. A method that tries many shapes must not fill the device with them, so the
// ones that were not used for the longest time go.

export class KernelCache<K extends { destroy(): void }> {
  private readonly kernels = new Map<string, K>()

  constructor(private readonly capacity: number) {}

  get size(): number {
    return this.kernels.size
  }

  get(key: string, build: () => K): K {
    let kernel = this.kernels.get(key)
    if (kernel) this.kernels.delete(key)
    else kernel = build()
    // A Map keeps the order of insertion: the first key is the one that was not used for the longest time.
    this.kernels.set(key, kernel)
    for (const [oldest, other] of this.kernels) {
      if (this.kernels.size <= this.capacity) break
      this.kernels.delete(oldest)
      other.destroy()
    }
    return kernel
  }

  drop(key: string): void {
    this.kernels.get(key)?.destroy()
    this.kernels.delete(key)
  }

  clear(): void {
    for (const kernel of this.kernels.values()) kernel.destroy()
    this.kernels.clear()
  }
}
