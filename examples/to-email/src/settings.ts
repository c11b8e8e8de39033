/** The settings of this adapter, beside those of every adapter. */
import { type Environment, formed, integer, readSettings, required, type Setting } from '@formbuilder/adapter-sdk'

/** An API key of Notify, in its parts. */
export interface ApiKey {
  readonly serviceId: string
  readonly secret: string
}

const SETTINGS = {
  NOTIFY_API_KEY: needed(
    formed<ApiKey>('API key of the service in Notify', 'name, service id and secret', { secret: true }, parseApiKey),
  ),
  NOTIFY_TEMPLATE_ID: needed(formed('Template of the e-mail', 'UUID', {}, parseUuid)),
  NOTIFY_EMAIL_ADDRESS: required('Address of the mailbox that gets every submission'),
  NOTIFY_URL: needed(
    formed('Base URL of Notify', '`https` URL', { default: 'https://api.notifications.service.gov.uk' }, parseUrl),
  ),
  NOTIFY_RETENTION_DAYS: integer('How long the service keeps what it has sent: see the settings of the service', {
    default: 7,
    min: 3,
    max: 90,
    unit: 'days',
  }),
}

/** Reads them. A problem names the setting, never its value. */
export function readNotifySettings(environment: Environment) {
  const { values, problems } = readSettings(SETTINGS, environment)
  if (environment['HOST']) return { values, problems }
  return { values, problems: [...problems, 'HOST is missing: the e-mail links to files at https://HOST/'] }
}

function parseApiKey(text: string) {
  const [, serviceId, secret] = new RegExp(`^.+-(${UUID})-(${UUID})$`, 'i').exec(text) ?? []
  if (serviceId === undefined || secret === undefined) return { problem: 'must end with two UUIDs, as Notify shows it' }
  return { value: { serviceId, secret } }
}

function parseUuid(value: string) {
  return new RegExp(`^${UUID}$`, 'i').test(value) ? { value } : { problem: 'must be a UUID' }
}

function parseUrl(text: string) {
  const url = URL.parse(text)
  const isHere = url?.protocol === 'http:' && url.hostname === '127.0.0.1'
  if (url === null || (url.protocol !== 'https:' && !isHere)) return { problem: 'must be an https URL' }
  return { value: url.origin }
}

const UUID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}'

/** The same setting, which must be there if it has no default. */
function needed<T>(setting: Setting<T | undefined>): Setting<T> {
  return {
    ...setting,
    default: setting.default === 'none' ? 'required' : setting.default,
    read(text) {
      const parsed = setting.read(text)
      if ('problem' in parsed) return parsed
      return parsed.value === undefined ? { problem: 'is missing' } : { value: parsed.value }
    },
  }
}
