import type { Locator, Page } from '@playwright/test'
import { expect } from './fixtures.ts'

/** Terminals are drawn on a canvas; with screen-reader support their visible rows are in the page as text too. */
export async function readableTerminals(page: Page): Promise<void> {
  await page.addInitScript(() => localStorage.setItem('gantry.terminal', JSON.stringify({ fontSize: 13, screenReader: true })))
}

/** The terminal in sight. */
export function terminal(page: Page): Locator {
  return page.getByRole('region', { name: /^Terminal of / }).filter({ visible: true })
}

export async function expectConnected(page: Page): Promise<void> {
  await expect(terminal(page).locator('[data-terminal-status]')).toHaveAttribute('data-terminal-status', 'ready')
}

/** Waits until the visible rows hold `text`. */
export async function expectOutput(page: Page, text: string | RegExp): Promise<void> {
  await expect(terminal(page).locator('.xterm-accessibility')).toContainText(text)
}

/** Types a line as a person would. */
export async function type(page: Page, line: string): Promise<void> {
  await terminal(page).locator('.xterm-helper-textarea').focus()
  await page.keyboard.type(line)
  await page.keyboard.press('Enter')
}
