import { all, create } from 'mathjs'
import type { Matrix as MathMatrix } from 'mathjs'
import { describe, expect, test } from 'vitest'
import { ShapeError, matmul, norm, random, rsvd, svdvals, toNested } from '../src/index.js'
import { fromMathjs, mathFunctions, toMathjs } from '../src/mathjs/index.js'

const math = create(all!)

describe('mathjs in and out', () => {
  test('its matrices are operands as they are, dense and sparse', () => {
    const rows = [
      [3, 0, 1],
      [4, 5, 0],
    ]
    const expected = Array.from(svdvals(rows))
    expect(Array.from(svdvals(math.matrix(rows)))).toEqual(expected)
    expect(Array.from(svdvals(math.sparse(rows)))).toEqual(expected)
    expect(rsvd(math.matrix(rows) as never, { rank: 2 }).rank).toBe(2)
  })

  test('there and back is the same, empty matrices too', () => {
    const A = random.normal([4, 3])
    expect(fromMathjs(toMathjs(math, A)).data).toEqual(A.data)
    expect(fromMathjs(math.matrix([[]])).shape).toEqual([1, 0])
  })

  test('what is no matrix of numbers is refused', () => {
    expect(() => fromMathjs(math.matrix([1, 2]))).toThrow(ShapeError)
    expect(() => svdvals(math.matrix([[math.complex(1, 2)]]))).toThrow(ShapeError)
    expect(() => mathFunctions({} as never)).toThrow(ShapeError)
  })

  test('functions for math.import work inside expressions', () => {
    const mine = create(all!)
    mine.import(mathFunctions(mine))
    const s = mine.evaluate('singularValues([3, 0; 4, 5])') as number[]
    expect(s[0]! * s[1]!).toBeCloseTo(15, 12)
    expect(s[0]! ** 2 + s[1]! ** 2).toBeCloseTo(50, 12)
    expect(mine.evaluate('rsvd([3, 0; 0, 4], 1).s')).toEqual([4])
    const { Q, R } = mine.evaluate('thinQr([3, 0; 4, 5])') as { Q: MathMatrix; R: MathMatrix }
    expect((math.multiply(Q, R).toArray() as number[][])[1]![1]).toBeCloseTo(5, 12)
    const { U, s: values, Vt } = mine.evaluate('thinSvd([3, 0; 4, 5])') as Record<string, MathMatrix>
    const product = math.multiply(math.multiply(U!, math.diag(values!)), Vt!).toArray() as number[][]
    expect(product[1]![0]).toBeCloseTo(4, 12)
    expect(mine.evaluate('pca([1, 2; 3, 4; 5, 6], 1).mean')).toEqual([3, 4])
  })
})

describe('mathjs as an oracle', () => {
  test('products and norms agree', () => {
    const [A, B] = [random.normal([7, 5]), random.normal([5, 6], { seed: 1 })]
    const theirs = math.multiply(math.matrix(toNested(A)), math.matrix(toNested(B)))
    const difference = fromMathjs(theirs)
    const ours = matmul(A, B)
    ours.data.forEach((x, e) => (difference.data[e]! -= x))
    expect(norm(difference)).toBeLessThan(5 * 2 ** -52 * norm(A) * norm(B))
    for (const kind of [1, 'fro', Infinity] as const) {
      const theirs = math.norm(math.matrix(toNested(A)), kind) as number
      expect(Math.abs(norm(A, kind) - theirs)).toBeLessThan(35 * 2 ** -52 * theirs)
    }
  })

  test('squared singular values are the eigenvalues of the Gram matrix', () => {
    const A = random.normal([8, 4])
    const G = matmul(A, A, { transA: true })
    const values = (math.eigs(math.matrix(toNested(G))).values as MathMatrix).toArray() as number[]
    const expected = values.map(Math.sqrt).sort((a, b) => b - a)
    // The eigenvalues of a Gram matrix have half the digits' worth of condition: κ(A)·eps in the values.
    svdvals(A).forEach((s, j) => expect(Math.abs(s - expected[j]!)).toBeLessThan(1e-10 * expected[0]!))
  })
})
