/** The settings of this adapter's own, beside those of the SDK. */
import { formed, readSettings, required, type Setting } from '@formbuilder/adapter-sdk'

const UUID = /[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/i
/** Its name, then the id of the service, then the secret. */
export const API_KEY = new RegExp(`^.*?(?<serviceId>${UUID.source})-(?<secret>${UUID.source})$`, 'i')

export const SETTINGS = {
  NOTIFY_API_KEY: like(
    API_KEY,
    'must be an API key of GOV.UK Notify',
    required('API key of GOV.UK Notify', { secret: true }),
  ),
  NOTIFY_TEMPLATE_ID: like(
    new RegExp(`^${UUID.source}$`, 'i'),
    'must be the id of a template',
    required('Id of the template of the e-mail'),
  ),
  NOTIFY_EMAIL_ADDRESS: like(/^[^\s@]+@[^\s@]+$/, 'must be an e-mail address', required('Who gets the e-mails')),
  NOTIFY_URL: formed<string>(
    'Base URL of GOV.UK Notify',
    'URL',
    { default: 'https://api.notifications.service.gov.uk' },
    (value) => (/^https?:\/\/[^\s/?#]+$/.test(value) ? { value } : { problem: 'must be a URL without a path' }),
  ),
}

/** Their values. The start has found no problem with them. */
export const settings = () => readSettings(SETTINGS, process.env).values

function like(pattern: RegExp, problem: string, setting: Setting<string>): Setting<string> {
  return { ...setting, read: (text) => (text === undefined || pattern.test(text) ? setting.read(text) : { problem }) }
}
