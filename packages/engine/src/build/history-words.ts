/** What the history says of a step that runs no command. */
export const nop = (text: string): string => `/bin/sh -c #(nop) ${text}`
