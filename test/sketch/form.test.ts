import { describe, expect, test } from 'vitest'
import {
  adjoint,
  asOperator,
  countSketch,
  fwht,
  gaussian,
  leverageScores,
  matmul,
  operator,
  rademacher,
  random,
  rowSampling,
  scaled,
  sketchedLstsq,
  sparseSign,
  srht,
  srtt,
  transpose,
  zeros,
} from '../../src/index.js'
import type { LinearOperator, Matrix, Sketch } from '../../src/index.js'
import type { SketchForm } from '../../src/linalg/operators/sketchform.js'

// What a sketch says of how it is made is what it is, and operands that make sketches are asked to.

const dense = ({ shape: [d, n], entries }: SketchForm): Matrix => {
  const S = zeros([d, n])
  entries(0, d, 0, n, S.data)
  return S
}

const sketches = (seed: number): readonly Sketch[] => [
  gaussian([6, 21], { seed }),
  rademacher([6, 21], { seed }),
  sparseSign([6, 21], { seed }),
  countSketch([6, 21], { seed }),
  srht([6, 21], { seed }),
  srtt([6, 21], { seed }),
  rowSampling([6, 21], { seed }),
]

test('the entries of a form are those of the sketch', () => {
  for (const S of sketches(3)) expect(dense(S.form).data).toEqual(S.toDense().data)
})

test('the rows of Sᵀ that a sparse form tells make up its entries', () => {
  for (const { form } of sketches(4)) {
    const { making } = form
    if (making.kind !== 'sparse') continue
    const { shape, pointers, indices, values } = making.adjoint()
    expect(shape).toEqual([21, 6])
    const S = zeros([6, 21])
    for (let j = 0; j < 21; j++) {
      for (let e = pointers[j]!; e < pointers[j + 1]!; e++) {
        S.set(indices[e]!, j, S.get(indices[e]!, j) + values[e]!)
      }
    }
    expect(S.data).toEqual(dense(form).data)
  }
})

test('a Hadamard form makes up its entries', () => {
  const { form } = srht([6, 21], { seed: 5 })
  if (form.making.kind !== 'hadamard') throw new Error(form.making.kind)
  const { D1, D2, picked, scale } = form.making
  const N = D2.length
  const S = dense(form)
  for (let j = 0; j < 21; j++) {
    const x = new Float64Array(N)
    x[j] = D1[j]!
    const mixed = fwht(fwht(x).map((value, i) => value * D2[i]!))
    picked.forEach((row, i) => expect(S.get(i, j)).toBeCloseTo(N * scale * mixed[row]!, 14))
  }
})

describe('an operand that makes sketches', () => {
  /** A, whose sketches are counted and whose products with as many columns as a sketch has rows are refused. */
  function sketching(A: Matrix, most: number): { operand: LinearOperator; asked: SketchForm[] } {
    const asked: SketchForm[] = []
    const { matmat, rmatmat } = asOperator(A)
    const operand = operator({
      shape: A.shape as [number, number],
      matmat,
      rmatmat(Y) {
        if (Y.shape[1]! > most) throw new Error('a product with a whole sketch')
        return rmatmat(Y)
      },
      sketched(form, turned = false) {
        asked.push(form)
        return matmul(dense(form), turned ? transpose(A) : A)
      },
    })
    return { operand, asked }
  }

  test('sketches for sketchedLstsq, of itself and of its adjoint', () => {
    const A = random.normal([90, 5], { seed: 1 })
    const b = random.normal([90], { seed: 2 }).data
    const { operand, asked } = sketching(A, 5)
    const { x } = sketchedLstsq(operand, b, { sketch: gaussian([30, 90]) })
    sketchedLstsq(A, b, { sketch: gaussian([30, 90]) }).x.forEach((value, i) =>
      expect(x[i]).toBeCloseTo(value, 10),
    )
    expect(asked).toHaveLength(1)
    const y = random.normal([5], { seed: 3 }).data
    sketchedLstsq(adjoint(operand), y, { sketch: rademacher([30, 90]) })
    expect(asked).toHaveLength(2)
  })

  test('sketches for leverageScores', () => {
    const A = random.normal([200, 4], { seed: 1 })
    const { operand, asked } = sketching(A, 4)
    const scores = leverageScores(operand, { method: 'approximate', seed: 2 })
    leverageScores(A, { method: 'approximate', seed: 2 }).forEach((score, i) =>
      expect(scores[i]).toBeCloseTo(score, 10),
    )
    expect(asked).toHaveLength(1)
  })

  test('through scaled, and a form that does not fit is a ShapeError', () => {
    const A = random.normal([12, 4], { seed: 1 })
    const { operand } = sketching(A, 4)
    const S = gaussian([3, 12])
    const twice = scaled(operand, 2).sketched!(S.form)
    matmul(S.toDense(), A).data.forEach((value, e) => expect(twice.data[e]).toBeCloseTo(2 * value, 12))
    expect(() => scaled(operand, 2).sketched!(gaussian([3, 11]).form)).toThrow(/sketched.*12 columns/)
  })
})
