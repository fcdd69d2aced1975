import { GantryError } from '@gantry/contracts'

/** API versions are `1.x`; here they are the x. */
export const oldestVersion = 24
export const newestVersion = 50

export const versionText = (minor: number): string => `1.${minor}`

/**
 * Splits `/v1.41/containers/json`. Without a prefix the newest version is meant. Throws Docker's words for one that is not
 * offered; clients look for them.
 */
export function splitVersion(path: string): { version: number; path: string } {
  const [prefix, major, minor] = /^\/v(\d{1,4})\.(\d{1,4})(?=\/|$)/.exec(path) ?? []
  if (prefix === undefined) return { version: newestVersion, path }
  const asked = `${Number(major)}.${Number(minor)}`
  const version = Number(major) === 1 ? Number(minor) : Number(major) < 1 ? -1 : Number.POSITIVE_INFINITY
  if (version < oldestVersion) {
    throw new GantryError(
      'invalid_input',
      `client version ${asked} is too old. Minimum supported API version is ${versionText(oldestVersion)}, please upgrade your client to a newer version`,
    )
  }
  if (version > newestVersion) {
    throw new GantryError(
      'invalid_input',
      `client version ${asked} is too new. Maximum supported API version is ${versionText(newestVersion)}`,
    )
  }
  return { version, path: path.slice(prefix.length) || '/' }
}
