import { OptionError, describe } from '../linalg/errors.js'

/** The recipe of a name, for a registry's `create`; another name is an error that lists them. */
export function byName<R extends object, N extends keyof R & string>(fn: string, recipes: R, name: N): R[N] {
  if (Object.hasOwn(recipes, name)) return recipes[name]
  const expected = Object.keys(recipes).join(' | ')
  throw new OptionError({ fn, argument: 'name', expected, given: describe(name) })
}

/** What is known of each recipe, with its name, for a registry's `list`. */
export const named = <N extends string, D extends object>(
  descriptions: Readonly<Record<N, D>>,
): ({ readonly name: N } & D)[] =>
  (Object.keys(descriptions) as N[]).map((name) => ({ name, ...descriptions[name] }))
