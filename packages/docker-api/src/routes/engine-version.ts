import packageJson from '../../package.json' with { type: 'json' }

/** The Docker release whose behaviour is the model, and behind the plus who it is really; clients parse the part before it. */
export const engineVersion = `28.2.2+gantry${packageJson.version}`
export const gantryVersion = packageJson.version
