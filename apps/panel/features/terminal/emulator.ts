'use client'
import { FitAddon } from '@xterm/addon-fit'
import { SearchAddon } from '@xterm/addon-search'
import { Unicode11Addon } from '@xterm/addon-unicode11'
import { WebLinksAddon } from '@xterm/addon-web-links'
import { WebglAddon } from '@xterm/addon-webgl'
import { Terminal } from '@xterm/xterm'

const scrollbackLines = 10_000
/** Dark in both themes: programs choose their colours for a dark screen. */
const theme = {
  background: '#10161c',
  foreground: '#e3e8ec',
  cursor: '#7cc4e0',
  cursorAccent: '#10161c',
  selectionBackground: '#33566b',
  black: '#5b6670',
  red: '#f2777a',
  green: '#7fcf9a',
  yellow: '#e6c07a',
  blue: '#7db7ec',
  magenta: '#cfa1e6',
  cyan: '#71cdd6',
  white: '#d5dbe0',
  brightBlack: '#87929c',
  brightRed: '#ff9c9c',
  brightGreen: '#a0e6b6',
  brightYellow: '#f5d99a',
  brightBlue: '#a5cff7',
  brightMagenta: '#e0bff2',
  brightCyan: '#9ae3e9',
  brightWhite: '#ffffff',
}

export type Emulator = { terminal: Terminal; fit: FitAddon; search: SearchAddon; dispose: () => void }

/**
 * A terminal drawn into `element`. What a program inside may not do to the page is switched off: clipboard (OSC 52), titles
 * (OSC 0, 1, 2) and window operations; links open only when clicked, without a way back to this page.
 */
export function makeEmulator(element: HTMLElement, options: { fontSize: number; screenReader: boolean }): Emulator {
  const terminal = new Terminal({
    allowProposedApi: true,
    scrollback: scrollbackLines,
    fontFamily: `${getComputedStyle(document.documentElement).getPropertyValue('--font-geist-mono') || 'ui-monospace'}, 'Noto Sans Mono CJK SC', monospace`,
    fontSize: options.fontSize,
    lineHeight: 1.15,
    cursorBlink: !matchMedia('(prefers-reduced-motion: reduce)').matches,
    minimumContrastRatio: 4.5,
    screenReaderMode: options.screenReader,
    macOptionIsMeta: true,
    theme,
    windowOptions: {},
  })
  const fit = new FitAddon()
  const search = new SearchAddon()
  terminal.loadAddon(fit)
  terminal.loadAddon(search)
  terminal.loadAddon(new Unicode11Addon())
  terminal.unicode.activeVersion = '11'
  terminal.loadAddon(new WebLinksAddon((_, uri) => void window.open(uri, '_blank', 'noopener,noreferrer')))
  for (const code of [0, 1, 2, 52]) terminal.parser.registerOscHandler(code, () => true)
  terminal.open(element)
  drawByWebgl(terminal)
  fit.fit()
  return { terminal, fit, search, dispose: () => terminal.dispose() }
}

/** Where WebGL is missing, or its context is lost later, xterm draws by the document itself. */
function drawByWebgl(terminal: Terminal): void {
  try {
    const webgl = new WebglAddon()
    webgl.onContextLoss(() => webgl.dispose())
    terminal.loadAddon(webgl)
  } catch (error) {
    console.info('terminal: drawing without WebGL', error)
  }
}
