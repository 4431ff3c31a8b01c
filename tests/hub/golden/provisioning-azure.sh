#!/usr/bin/env bash
# Lets the hub use an application of tenant 11111111-2222-3333-4444-555555555555 for:
#   azure://lake/box/cars
#   azure://lake/raw
# The hub is system:serviceaccount:lake:hub, by https://issuer.example/.
# Run this once, signed in to that tenant with rights on its applications and on the storage account.
# Running it again does no harm. At its end it prints the client id that the managed key needs.
set -euo pipefail

tenant="$(az account show --query tenantId --output tsv)"
if [ "$tenant" != 11111111-2222-3333-4444-555555555555 ]; then
    echo 'sign in to the tenant first: az login --tenant 11111111-2222-3333-4444-555555555555' >&2
    exit 1
fi

# The application, and its part in this tenant.
app="$(az ad app list --filter "displayName eq 'deeplake-nb-hub'" --query '[0].appId' --output tsv)"
if [ -z "$app" ]; then
    app="$(az ad app create --display-name deeplake-nb-hub --query appId --output tsv)"
fi
az ad sp show --id "$app" > /dev/null 2>&1 || az ad sp create --id "$app" > /dev/null
principal="$(az ad sp show --id "$app" --query id --output tsv)"

# Whom it trusts: the hub, by a token of its own, so that there is no secret to keep.
trust='{
  "name": "deeplake-nb-hub",
  "issuer": "https://issuer.example/",
  "subject": "system:serviceaccount:lake:hub",
  "audiences": [
    "api://AzureADTokenExchange"
  ],
  "description": "the hub of Deep Lake"
}'
if az ad app federated-credential show --id "$app" --federated-credential-id deeplake-nb-hub > /dev/null 2>&1; then
    az ad app federated-credential update --id "$app" --federated-credential-id deeplake-nb-hub --parameters "$trust"
else
    az ad app federated-credential create --id "$app" --parameters "$trust"
fi

# What it may do: read and write container box of lake, and sign for parts of it.
account="$(az storage account show --name lake --query id --output tsv)"
az role assignment create --assignee-principal-type ServicePrincipal --assignee-object-id "$principal" \
    --role 'Storage Blob Data Contributor' --scope "$account/blobServices/default/containers/"box
az role assignment create --assignee-principal-type ServicePrincipal --assignee-object-id "$principal" \
    --role 'Storage Blob Delegator' --scope "$account"

# What it may do: read and write container raw of lake, and sign for parts of it.
account="$(az storage account show --name lake --query id --output tsv)"
az role assignment create --assignee-principal-type ServicePrincipal --assignee-object-id "$principal" \
    --role 'Storage Blob Data Contributor' --scope "$account/blobServices/default/containers/"raw
az role assignment create --assignee-principal-type ServicePrincipal --assignee-object-id "$principal" \
    --role 'Storage Blob Delegator' --scope "$account"

echo "client_id: $app"
