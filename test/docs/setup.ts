import { buildModules } from '../../scripts/docs/notebooks.js'

// Notebooks run on dist/, whose modules take two seconds to build; where the bundle tests are of the same run,
// they have built it already.

export default async function buildForNotebooks(): Promise<void> {
  if (process.env['LOWRANK_PACKAGE_BUILT'] !== 'true') await buildModules()
}
