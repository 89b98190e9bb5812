{{- define "packager-exporter.name" -}}
{{- if contains "packager-exporter" .Release.Name }}{{ .Release.Name | trunc 52 | trimSuffix "-" }}{{ else }}{{ printf "%s-packager-exporter" .Release.Name | trunc 52 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "packager-exporter.selector" -}}
app.kubernetes.io/name: packager-exporter
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "packager-exporter.labels" -}}
{{ include "packager-exporter.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "packager-exporter.address" -}}
{{ include "packager-exporter.name" . }}.{{ .Release.Namespace }}.svc:{{ .Values.service.port }}
{{- end }}

{{- /* The address of one pod, by its name. */}}
{{- define "packager-exporter.podAddress" -}}
{{ .pod }}.{{ include "packager-exporter.name" .root }}-pods.{{ .root.Release.Namespace }}.svc:10115
{{- end }}
