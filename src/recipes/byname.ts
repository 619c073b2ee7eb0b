import { OptionError, describe } from '../linalg/errors.js'

/** The recipe of a name, for a registry's `create`; another name is an error that lists them. */
export function byName<R extends object, N extends keyof R & string>(fn: string, recipes: R, name: N): R[N] {
  if (Object.hasOwn(recipes, name)) return recipes[name]
  const expected = Object.keys(recipes).join(' | ')
  throw new OptionError({ fn, argument: 'name', expected, given: describe(name) })
}
