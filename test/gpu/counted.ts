/** Counts what is on the devices that an entry point gives. */
export function counted(gpu: GPU): {
  gpu: GPU
  devices: GPUDevice[]
  live: Set<GPUBuffer>
  made: () => number
} {
  const devices: GPUDevice[] = []
  const live = new Set<GPUBuffer>()
  let made = 0
  const requestAdapter = async (options?: GPURequestAdapterOptions): Promise<GPUAdapter | null> => {
    const adapter = await gpu.requestAdapter(options)
    if (!adapter) return null
    const requestDevice = adapter.requestDevice.bind(adapter)
    adapter.requestDevice = async (descriptor) => {
      const device = await requestDevice(descriptor)
      devices.push(device)
      const createBuffer = device.createBuffer.bind(device)
      device.createBuffer = (wanted) => {
        const buffer = createBuffer(wanted)
        const destroy = buffer.destroy.bind(buffer)
        made++
        live.add(buffer)
        buffer.destroy = () => {
          live.delete(buffer)
          return destroy()
        }
        return buffer
      }
      return device
    }
    return adapter
  }
  return { gpu: { requestAdapter } as unknown as GPU, devices, live, made: () => made }
}
