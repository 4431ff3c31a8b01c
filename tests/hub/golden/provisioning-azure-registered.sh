#!/usr/bin/env bash
# Lets the hub use an application of tenant 11111111-2222-3333-4444-555555555555 for:
#   azure://lake/box
# The hub proves itself with a client secret.
# Run this once, signed in to that tenant with rights on its applications and on the storage account.
# Running it again does no harm. At its end it prints the client id that the managed key needs.
set -euo pipefail

tenant="$(az account show --query tenantId --output tsv)"
if [ "$tenant" != 11111111-2222-3333-4444-555555555555 ]; then
    echo 'sign in to the tenant first: az login --tenant 11111111-2222-3333-4444-555555555555' >&2
    exit 1
fi

# The application, and its part in this tenant.
app=c
az ad sp show --id "$app" > /dev/null 2>&1 || az ad sp create --id "$app" > /dev/null
principal="$(az ad sp show --id "$app" --query id --output tsv)"

# The managed key has a client secret of it already.

# What it may do: read and write container box of lake, and sign for parts of it.
account="$(az storage account show --name lake --query id --output tsv)"
az role assignment create --assignee-principal-type ServicePrincipal --assignee-object-id "$principal" \
    --role 'Storage Blob Data Contributor' --scope "$account/blobServices/default/containers/"box
az role assignment create --assignee-principal-type ServicePrincipal --assignee-object-id "$principal" \
    --role 'Storage Blob Delegator' --scope "$account"

echo "client_id: $app"
