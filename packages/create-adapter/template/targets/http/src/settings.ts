/** The settings of this adapter's own, beside those of the SDK. */
import { readSettings, required, type Setting } from '@formbuilder/adapter-sdk'

export const SETTINGS = {
  CASE_SYSTEM_URL: url('Base URL of the case system'),
  CASE_SYSTEM_TOKEN: required('Token with which the case system recognises this adapter', { secret: true }),
}

/** Their values. The start has found no problem with them. */
export const settings = () => readSettings(SETTINGS, process.env).values

function url(meaning: string): Setting<string> {
  const given = required(meaning)
  return {
    ...given,
    accepts: 'URL',
    read(text) {
      const isUrl = text === undefined || /^https?:\/\/[^\s?#]+$/.test(text)
      return isUrl ? given.read(text?.replace(/\/+$/, '')) : { problem: 'must be like https://cases.example.gov.uk' }
    },
  }
}
