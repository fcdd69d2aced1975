import type { Page } from '@playwright/test'

export interface FormValues {
  name?: string
  image?: string
  command?: string
  cpus?: string
  memory?: string
  pids?: string
  interactive?: boolean
}

/** Opens the form of the chosen project and fills it in as a person would. */
export async function fillContainerForm(page: Page, base: string, project: string, values: FormValues): Promise<void> {
  await page.goto(`${base}/containers/new?project=${project}`)
  const fields: [string, string | undefined][] = [
    ['Image', values.image],
    ['Name', values.name],
    ['Command', values.command],
    ['CPUs', values.cpus],
    ['Memory', values.memory],
    ['Processes', values.pids],
  ]
  for (const [label, value] of fields) {
    if (value !== undefined)
      await page
        .locator('form')
        .getByLabel(label, { exact: label !== 'Image' })
        .first()
        .fill(value)
  }
  if (values.interactive) await page.getByLabel(/Interactive terminal/).check()
}

export async function createAndStart(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Create and start' }).click()
  await page.waitForURL(/\/containers\/[0-9a-f]{64}/)
}
