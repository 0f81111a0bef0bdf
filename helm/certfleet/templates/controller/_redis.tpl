{{/* Flags that name Redis: the chart's own, or the operator's. */}}
{{- define "certfleet.redisArgs" -}}
{{- $redis := .Values.controller.redis -}}
{{- $external := $redis.external -}}
{{- if $redis.install -}}
- --redis-url=redis://{{ include "certfleet.redisName" . }}.{{ .Release.Namespace }}.svc:6379
- --redis-password-file=/etc/certfleet/redis/password
{{- else -}}
- --redis-url={{ $external.url }}
- --redis-prefix={{ $external.prefix }}
- --redis-node-access={{ $external.nodeAccess }}
{{- with $external.nodeUrl }}
- --redis-node-url={{ . }}
{{- end }}
{{- with $external.username }}
- --redis-username={{ . }}
{{- end }}
{{- if $external.passwordSecretRef }}
- --redis-password-file=/etc/certfleet/redis/password
{{- end }}
{{- with $external.sentinelUsername }}
- --redis-sentinel-username={{ . }}
{{- end }}
{{- if $external.sentinelPasswordSecretRef }}
- --redis-sentinel-password-file=/etc/certfleet/redis/sentinel-password
{{- end }}
{{- if $external.caSecretRef }}
- --redis-ca-file=/etc/certfleet/redis/ca.crt
{{- end }}
{{- if $external.clientCertificateSecret }}
- --redis-cert-file=/etc/certfleet/redis/tls.crt
- --redis-key-file=/etc/certfleet/redis/tls.key
{{- end }}
{{- with $external.serverName }}
- --redis-server-name={{ . }}
{{- end }}
{{- with $external.nodeUsername }}
- --redis-node-username={{ . }}
{{- end }}
{{- if $external.nodePasswordSecretRef }}
- --redis-node-password-file=/etc/certfleet/redis/node-password
{{- end }}
{{- with $external.nodeSentinelUsername }}
- --redis-node-sentinel-username={{ . }}
{{- end }}
{{- if $external.nodeSentinelPasswordSecretRef }}
- --redis-node-sentinel-password-file=/etc/certfleet/redis/node-sentinel-password
{{- end }}
{{- end }}
{{- end -}}

{{/* The files that those flags name, as sources of a projected volume; empty when there are none. */}}
{{- define "certfleet.redisSecrets" -}}
{{- $redis := .Values.controller.redis -}}
{{- $external := $redis.external -}}
{{- if $redis.install -}}
{{- include "certfleet.secretFile" (list (dict "name" (include "certfleet.redisSecretName" .) "key" "password") "password") }}
{{- else -}}
{{- include "certfleet.secretFile" (list $external.passwordSecretRef "password") }}
{{- include "certfleet.secretFile" (list $external.sentinelPasswordSecretRef "sentinel-password") }}
{{- include "certfleet.secretFile" (list $external.caSecretRef "ca.crt") }}
{{- include "certfleet.secretFile" (list $external.nodePasswordSecretRef "node-password") }}
{{- include "certfleet.secretFile" (list $external.nodeSentinelPasswordSecretRef "node-sentinel-password") }}
{{- with $external.clientCertificateSecret }}
{{- include "certfleet.secretFile" (list (dict "name" . "key" "tls.crt") "tls.crt") }}
{{- include "certfleet.secretFile" (list (dict "name" . "key" "tls.key") "tls.key") }}
{{- end }}
{{- end }}
{{- end -}}

{{/* One key of a Secret as a file; nothing without a name. Call with (list reference file). */}}
{{- define "certfleet.secretFile" -}}
{{- $file := index . 1 -}}
{{- with index . 0 }}
- secret:
    name: {{ .name }}
    items:
      - key: {{ .key | default $file }}
        path: {{ $file }}
{{- end }}
{{- end -}}

{{/* Configuration of the chart's own Redis. */}}
{{- define "certfleet.redisConfig" -}}
port 6379
dir /data
# What was acknowledged is written within a second; snapshots beside it would cost memory for nothing.
appendonly yes
appendfsync everysec
save ""
maxmemory {{ .Values.controller.redis.maxmemory }}
# A full Redis refuses writes, which is seen; an evicted renewal is not.
maxmemory-policy noeviction
tcp-keepalive 60
# What one connection may take of Redis: its largest argument, what it has sent and not had run, what it has not read.
proto-max-bulk-len 8mb
client-query-buffer-limit 32mb
client-output-buffer-limit normal 192mb 64mb 30
# Two for each agent, and spare.
maxclients 20000
# A scheduled renewal then lies in one piece: a quarter less memory for each volume.
hash-max-listpack-value 192
# The default user's password.
include /run/certfleet/auth.conf
{{- end -}}

{{/* The init container that gets or creates the Secret, and writes that file. */}}
{{- define "certfleet.redisInitContainer" -}}
- name: redis-secret
  image: {{ include "certfleet.controllerImage" . }}
  imagePullPolicy: {{ .Values.controller.image.pullPolicy }}
  command: [node, /app/redis-secret/redis-secret.js]
  args:
    - --namespace={{ .Release.Namespace }}
    - --name={{ include "certfleet.redisName" . }}
    - --output=/run/certfleet/auth.conf
  securityContext:
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    capabilities:
      drop: [ALL]
  {{- with .Values.controller.redis.resources }}
  resources:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  volumeMounts:
    - name: auth
      mountPath: /run/certfleet
    - name: token
      mountPath: /var/run/secrets/kubernetes.io/serviceaccount
      readOnly: true
{{- end -}}
