export interface Globals {
  /** Folder of all containers' state. */
  readonly root: string
}

/** Exit status of the program besides 0 and 1; nothing more is said. */
export class ExitStatus extends Error {
  readonly status: number
  constructor(status: number) {
    super(`exit ${status}`)
    this.status = status
  }
}
