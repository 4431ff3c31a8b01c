#!/usr/bin/env bash
# Lets the hub act as lake@project.iam.gserviceaccount.com for:
#   gcs://bucket/cars
#   gcs://raw
# The hub is hub@hubs.iam.gserviceaccount.com.
# Run this once, signed in to that project with rights on IAM and on the buckets. Running it again does no
# harm. What the hub lends on is narrower: one folder, for an hour.
set -euo pipefail

gcloud services enable iamcredentials.googleapis.com sts.googleapis.com --project=project

# The account, and that the hub may act as it.
gcloud iam service-accounts describe lake@project.iam.gserviceaccount.com --project=project > /dev/null 2>&1 ||
    gcloud iam service-accounts create lake --project=project --display-name='Deep Lake hub'
gcloud iam service-accounts add-iam-policy-binding lake@project.iam.gserviceaccount.com --project=project \
    --member=serviceAccount:hub@hubs.iam.gserviceaccount.com --role=roles/iam.serviceAccountTokenCreator

# What it may do in bucket bucket. Keys that are lent need uniform access there.
uniform="$(gcloud storage buckets describe gs://bucket --format='value(uniform_bucket_level_access)')"
if [ "$uniform" != True ]; then
    echo 'switch on uniform bucket-level access first: gcloud storage buckets update' gs://bucket \
        '--uniform-bucket-level-access (its objects then have no ACLs of their own)' >&2
    exit 1
fi
# Names are listed by bucket, objects are opened by folder.
gcloud storage buckets add-iam-policy-binding gs://bucket --member=serviceAccount:lake@project.iam.gserviceaccount.com --role=roles/storage.legacyBucketReader --condition=None
gcloud storage buckets add-iam-policy-binding gs://bucket --member=serviceAccount:lake@project.iam.gserviceaccount.com --role=roles/storage.objectUser \
    --condition='title=deeplake-nb,expression=resource.name.startsWith('"'"'projects/_/buckets/bucket/objects/cars/'"'"')'

# Where bucket bucket is encrypted with a key of KMS, the storage itself may use that.
key="$(gcloud storage buckets describe gs://bucket --format='value(default_kms_key)')"
if [ -n "$key" ]; then
    gcloud storage service-agent --project=project --authorize-cmek="$key"
fi

# What it may do in bucket raw. Keys that are lent need uniform access there.
uniform="$(gcloud storage buckets describe gs://raw --format='value(uniform_bucket_level_access)')"
if [ "$uniform" != True ]; then
    echo 'switch on uniform bucket-level access first: gcloud storage buckets update' gs://raw \
        '--uniform-bucket-level-access (its objects then have no ACLs of their own)' >&2
    exit 1
fi
gcloud storage buckets add-iam-policy-binding gs://raw --member=serviceAccount:lake@project.iam.gserviceaccount.com --role=roles/storage.objectUser --condition=None

# Where bucket raw is encrypted with a key of KMS, the storage itself may use that.
key="$(gcloud storage buckets describe gs://raw --format='value(default_kms_key)')"
if [ -n "$key" ]; then
    gcloud storage service-agent --project=project --authorize-cmek="$key"
fi
