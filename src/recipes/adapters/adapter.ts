import type { Matrix, MatrixLike, Tensor } from '../../linalg/arrays.js'
import type { Operand, SyncOperand } from '../../linalg/operators.js'
import type { RunOptions } from '../../linalg/steps.js'

// What an adapter is to its user. W is out × in, m × n; activations are n × N, a sample to a column. All functions are
// pure: a state goes in, and a new one or a result comes out.

/** Named arrays, row-major float64; a vector is one of one dimension. */
export type Arrays = Readonly<Record<string, Tensor>>

/** An adapter of one weight: what is frozen, what is trained, and what they are multiplied with. */
export interface AdapterState {
  /** The recipe that made it. */
  readonly recipe: string
  /** That of W0; a kernel of more modes than two is used as out × (all the others). */
  readonly shape: readonly number[]
  /** s in ΔW = s·B·A. */
  readonly scaling: number
  /** m × n, frozen: W0, or W0 less what the adapter starts with. */
  readonly base: Matrix
  /** Arrays that the adapter needs and training leaves alone. */
  readonly frozen: Arrays
  /** What a training loop changes: `{ ...state, trainable: { B, A } }` is the next state. */
  readonly trainable: Arrays
  /** The shapes that they have. */
  readonly trainableShapes: Readonly<Record<string, readonly number[]>>
  /** Masks, averages and counters of a schedule. */
  readonly aux: Arrays
  /** The trainable arrays that `base` makes up for; absent where `base` is W0. */
  readonly start?: Arrays
  /** ‖M − M̂‖_F/‖M‖_F of what the init approximates by low rank, where it does. */
  readonly residual?: number
}

/** What an init may look at. More than a recipe needs may be given; less is an error that names it. */
export interface InitContext<O extends Operand = Operand> extends RunOptions {
  /** m × n, or a kernel out × in × …: finite. It is read, never changed, and the state holds a copy. */
  readonly W0: O | Tensor
  /** ∂L/∂W at W0, m × n. */
  readonly grad?: O | undefined
  /** Inputs of the layer, n × N. */
  readonly activations?: O | undefined
}

/**
 * Makes the state. `init` takes what is on the CPU; `init.async` also operands that answer with Promises, and gives the
 * event loop its turns. Of an operand on a GPU the factors are made by products, and then its entries are read once, by
 * products with the identity (2mn·min(m, n) flops there): `base` and all other arrays of a state are on the host.
 */
export interface Init {
  (context: InitContext<SyncOperand>): AdapterState
  async(context: InitContext): Promise<AdapterState>
}

/** ∂L/∂ of each trainable array, and of x. */
export interface Backward {
  /** One for each trainable array, of its shape. */
  readonly grads: Arrays
  /** n × N */
  readonly gx: Matrix
}

/** ΔW = scaling·B·A, on top of W0. */
export interface LoraForm {
  /** m × r */
  readonly B: Matrix
  /** r × n */
  readonly A: Matrix
  /** s */
  readonly scaling: number
}

/** What a recipe adds to training, beside its parameterisation. */
export interface AdapterHooks {
  /** Learning rates relative to each other, by array: `optimizers.partition` trains with them. */
  readonly lrRatio?: Readonly<Record<string, number>>
  /** The gradients that an optimizer is to see in place of the true ones. */
  transformGrads?(state: AdapterState, grads: Arrays): Arrays
  /** After step number `step`, from 0: the states of all layers, with the gradients of that step. */
  onStep?(states: readonly AdapterState[], grads: readonly Arrays[], step: number): AdapterState[]
  /** A term to add to the loss, and its gradients. */
  penalty?(state: AdapterState): { readonly value: number; readonly grads: Arrays }
}

/** A recipe with its configuration. */
export interface Adapter<Config = object> extends AdapterHooks {
  readonly name: string
  /** As given to `create`, with defaults filled in. */
  readonly config: Config
  /** Whether the adapted weight is W0 to rounding before training; 'approx' where it is meant to be near it. */
  readonly preservesBaseAtInit: boolean | 'approx'
  /** Whether there is one adapted weight for all inputs. */
  readonly mergeable: boolean
  /** Makes the state of a layer from W0. */
  readonly init: Init
  /** ΔW = W_eff − base, m × n, formed: for merging and looking. */
  getDeltaWeight(state: AdapterState): Matrix
  /** W_eff·x, m × N of n × N; ΔW is not formed. */
  forward(state: AdapterState, x: MatrixLike): Matrix
  /** The gradients where gy, m × N, is that of `forward(state, x)`; gy·xᵀ is not formed. */
  backward(state: AdapterState, x: MatrixLike, gy: MatrixLike): Backward
  /** The gradients where G, m × n, is that of W_eff. */
  gradsFromWeightGrad(state: AdapterState, G: MatrixLike): Arrays
  /** W_eff, m × n. */
  merge(state: AdapterState): Matrix
  /** `base` from the merged weight. */
  unmerge(W: MatrixLike, state: AdapterState): Matrix
  /** The numbers that are trained for a weight of this shape, by formula. */
  numTrainable(shape: readonly number[]): number
  /** The same ΔW on top of W0 as a plain LoRA, of twice the rank where `base` is not W0; where that is possible. */
  toLora?(state: AdapterState): LoraForm
}

/** What is known of a recipe without making one. */
export interface AdapterInfo {
  readonly name: string
  /** Its title. */
  readonly paper: string
  readonly year: number
  /** The numbers that are trained for m × n, as a formula. */
  readonly trainable: string
  /** As `preservesBaseAtInit`, where nothing is configured. */
  readonly preservesBase: boolean | 'approx'
  /** As in the adapter. */
  readonly mergeable: boolean
}
