/** A step with ids cut to docker's twelve digits; the whole is in its title. */
export const shortStep = (step: string): string => step.replace(/\b[0-9a-f]{13,64}\b/g, (id) => `${id.slice(0, 12)}…`)
