import { expect, test } from 'vitest'
import { columnExponents, exponent, factors } from '../../src/gpu/operands/scale.js'
import { matrix } from '../../src/linalg/index.js'

test.each([0, 1, 1.5, 2, 1 / 3, 1e308, Number.MAX_VALUE, 2 ** -1022, 5e-324])('%d is brought near 1', (x) => {
  const [f, g] = factors(-exponent(x))
  const near = x * f * g
  if (x === 0) expect(near).toBe(0)
  else expect(near >= 0.5 && near <= 2).toBe(true)
  // Back again, exactly.
  const [back, again] = factors(exponent(x))
  expect(near * back * again).toBe(x)
})

test('factors of any exponent are finite', () => {
  for (const e of [-4000, -2098, -1075, 0, 1024, 2047, 4000]) {
    for (const factor of factors(e)) expect(Number.isFinite(factor) && factor > 0).toBe(true)
  }
})

test('each column has its own exponent, which is 0 for what is of ordinary size', () => {
  const X = matrix([
    [1, 0, -1e10, 2 ** -17, 0],
    [-8, 0, 3, 0, -(2 ** 17)],
  ])
  expect([...columnExponents(X, 0, 5)]).toEqual([0, 0, 33, -17, 17])
  expect([...columnExponents(X, 2, 1)]).toEqual([33])
})
