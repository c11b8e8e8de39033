{{- define "adapter.name" -}}
{{ required "name is required" .Values.name }}
{{- end -}}

{{- define "adapter.labels" -}}
app.kubernetes.io/part-of: {{ include "adapter.name" . }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Values.image.tag | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | quote }}
{{- end -}}

{{- define "adapter.image" -}}
{{ required "image.repository is required" .Values.image.repository }}:{{ required "image.tag is required" .Values.image.tag }}
{{- end -}}

{{/* Settings of both deployments. */}}
{{- define "adapter.env" -}}
- name: PORT
  value: "3000"
- name: HOST
  value: {{ required "host is required" .Values.host | quote }}
- name: TRUST_PROXY
  value: {{ .Values.trustProxy | quote }}
- name: DRAIN_SECONDS
  value: {{ .Values.drainSeconds | quote }}
- name: STOP_GRACE_SECONDS
  value: {{ .Values.stopGraceSeconds | quote }}
- name: RDS_URL
  valueFrom:
    secretKeyRef:
      name: {{ required "database.secretName is required" .Values.database.secretName | quote }}
      key: {{ .Values.database.secretKey }}
- name: DATABASE_URL
  {{- if .Values.database.caConfigMap }}
  value: $(RDS_URL)?sslmode=verify-full&sslrootcert=/etc/rds/rds-ca-bundle-root.crt
  {{- else }}
  value: $(RDS_URL)?sslmode=require
  {{- end }}
{{- $secret := .Values.secretName }}
{{- range $name, $key := dict "JWE_SHARED_KEY" "jwe_shared_key" "METRICS_AUTH_USERNAME" "metrics_auth_username" "METRICS_AUTH_PASSWORD" "metrics_auth_password" }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef:
      name: {{ $secret }}
      key: {{ $key }}
{{- end }}
{{- if .Values.hasPreviousKeys }}
- name: JWE_PREVIOUS_KEYS
  valueFrom:
    secretKeyRef:
      name: {{ $secret }}
      key: jwe_previous_keys
{{- end }}
{{- if .Values.hasSentry }}
- name: SENTRY_DSN
  valueFrom:
    secretKeyRef:
      name: {{ $secret }}
      key: sentry_dsn
{{- end }}
{{- range $name, $value := .Values.settings }}
{{- if ne (toString $value) "" }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The case system: only workers call it. */}}
{{- define "adapter.caseSystemEnv" -}}
{{- range $name, $key := dict "OPTICS_API_KEY" "optics_api_key" "OPTICS_SECRET_KEY" "optics_secret_key" "OPTICS_ENDPOINT" "optics_endpoint" }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef:
      name: {{ $.Values.secretName }}
      key: {{ $key }}
{{- end }}
{{- end -}}

{{/* Pods at the peak of a release, times the connections of each: the pool and the one that listens. */}}
{{- define "adapter.connections" -}}
{{- $each := add1 (default 10 .Values.settings.DATABASE_CONNECTIONS | int) -}}
{{- $needed := mul (add .Values.web.maxReplicas .Values.worker.replicas 2) $each | int -}}
{{- $limit := int .Values.database.connectionLimit -}}
{{- if and (gt $limit 0) (gt $needed $limit) -}}
{{- fail (printf "database.connectionLimit (%d) is less than the %d connections of all pods: lower web.maxReplicas, worker.replicas or settings.DATABASE_CONNECTIONS" $limit $needed) -}}
{{- end -}}
{{- $needed -}}
{{- end -}}

{{/* One destination of an egress policy. The addresses that describe a cloud machine stay closed. */}}
{{- define "adapter.destination" -}}
- to:
    {{- range .networks }}
    - ipBlock:
        cidr: {{ . }}
        {{- if eq . "0.0.0.0/0" }}
        except: [169.254.0.0/16]
        {{- end }}
    {{- end }}
  ports:
    - port: {{ .port }}
      protocol: TCP
{{- end -}}

{{/* Common to both pods: not root, and only /tmp is writable. */}}
{{- define "adapter.pod" -}}
automountServiceAccountToken: false
terminationGracePeriodSeconds: {{ add .Values.drainSeconds .Values.stopGraceSeconds 15 }}
securityContext:
  runAsNonRoot: true
  runAsUser: 1000
  runAsGroup: 1000
  fsGroup: 1000
  seccompProfile:
    type: RuntimeDefault
volumes:
  - name: tmp
    emptyDir:
      sizeLimit: 64Mi
  {{- if .Values.database.caConfigMap }}
  - name: rds-ca
    configMap:
      name: {{ .Values.database.caConfigMap }}
  {{- end }}
{{- end -}}

{{- define "adapter.container" -}}
image: {{ include "adapter.image" . | quote }}
imagePullPolicy: IfNotPresent
ports:
  - name: http
    containerPort: 3000
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
startupProbe:
  httpGet: { path: /health, port: http }
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: { path: /health, port: http }
  periodSeconds: 15
  timeoutSeconds: 5
  failureThreshold: 4
volumeMounts:
  - name: tmp
    mountPath: /tmp
  {{- if .Values.database.caConfigMap }}
  - name: rds-ca
    mountPath: /etc/rds
    readOnly: true
  {{- end }}
{{- end -}}

{{/* How long the ingress waits for an answer: longer than files are fetched, and less than the adapter lets a connection stall. */}}
{{- define "adapter.readTimeoutSeconds" -}}
{{- $files := default 45 .Values.settings.ATTACHMENT_TIMEOUT_SECONDS | int -}}
{{- $stall := default 120 .Values.settings.SERVER_STALL_SECONDS | int -}}
{{- $read := int .Values.readTimeoutSeconds -}}
{{- if or (le $read $files) (ge $read $stall) -}}
{{- fail (printf "readTimeoutSeconds (%d) must be more than ATTACHMENT_TIMEOUT_SECONDS (%d) and less than SERVER_STALL_SECONDS (%d)" $read $files $stall) -}}
{{- end -}}
{{- if le (default 75 .Values.settings.SERVER_IDLE_SECONDS | int) (int .Values.ingressIdleSeconds) -}}
{{- fail (printf "SERVER_IDLE_SECONDS must be more than ingressIdleSeconds (%d)" (int .Values.ingressIdleSeconds)) -}}
{{- end -}}
{{- $read -}}
{{- end -}}
