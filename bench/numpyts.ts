import * as numpyTsModule from 'numpy-ts'

/** What is used of numpy-ts, whose own declarations do not resolve under NodeNext. */
interface NumpyTs {
  readonly linalg: { svd(a: NumpyTsArray, fullMatrices: boolean): unknown }
  configureWasm(options: { maxMemory: number }): void
  frombuffer(data: Float64Array | Float32Array, dtype: string): NumpyTsArray
  matmul(a: NumpyTsArray, b: NumpyTsArray): NumpyTsArray
}
interface NumpyTsArray {
  readonly data: Float64Array | Float32Array
  reshape(...shape: number[]): NumpyTsArray
  copy(): NumpyTsArray
  dispose(): void
}
export const np = numpyTsModule as unknown as NumpyTs
// Its default of 256 MiB is too little for the tall case.
np.configureWasm({ maxMemory: 2 ** 30 })
