#!/usr/bin/env bash
# Lets the hub use the role lake of account 123456789012 for:
#   s3://bucket/team/cars
#   s3://raw
# The hub is arn:aws:iam::999999999999:role/hub.
# Run this once, signed in to account 123456789012 with rights on IAM. Running it again does no harm.
set -euo pipefail

# The role, which nobody but the hub may assume. One of this name that is there already gets this trust
# policy in place of its own.
trust='{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Principal": {
        "AWS": "arn:aws:iam::999999999999:role/hub"
      },
      "Action": "sts:AssumeRole",
      "Condition": {
        "StringEquals": {
          "sts:ExternalId": "of-the-hub"
        }
      }
    }
  ]
}'
if aws iam get-role --role-name lake > /dev/null 2>&1; then
    aws iam update-assume-role-policy --role-name lake --policy-document "$trust"
else
    aws iam create-role --role-name lake --assume-role-policy-document "$trust"
fi

# What it may do: these places, and nothing else.
rights='{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Effect": "Allow",
      "Action": [
        "s3:GetObject",
        "s3:PutObject",
        "s3:DeleteObject",
        "s3:AbortMultipartUpload"
      ],
      "Resource": [
        "arn:aws:s3:::bucket/team/cars/*",
        "arn:aws:s3:::raw/*"
      ]
    },
    {
      "Effect": "Allow",
      "Action": [
        "s3:ListBucket"
      ],
      "Resource": [
        "arn:aws:s3:::bucket"
      ],
      "Condition": {
        "StringLike": {
          "s3:prefix": [
            "team/cars/*"
          ]
        }
      }
    },
    {
      "Effect": "Allow",
      "Action": [
        "s3:ListBucket"
      ],
      "Resource": [
        "arn:aws:s3:::raw"
      ]
    }
  ]
}'
aws iam put-role-policy --role-name lake --policy-name deeplake-nb --policy-document "$rights"

# Where bucket bucket is encrypted with a key of KMS, the role may use that.
query='ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault.KMSMasterKeyID'
key="$(aws s3api get-bucket-encryption --bucket bucket --query "$query" --output text || true)"
if [ -n "$key" ] && [ "$key" != None ]; then
    key="$(aws kms describe-key --key-id "$key" --query KeyMetadata.Arn --output text)"
    rights="$(printf '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": "%s"}]}' "$key")"
    aws iam put-role-policy --role-name lake --policy-name deeplake-nb-kms-bucket --policy-document "$rights"
fi

# Where bucket raw is encrypted with a key of KMS, the role may use that.
query='ServerSideEncryptionConfiguration.Rules[0].ApplyServerSideEncryptionByDefault.KMSMasterKeyID'
key="$(aws s3api get-bucket-encryption --bucket raw --query "$query" --output text || true)"
if [ -n "$key" ] && [ "$key" != None ]; then
    key="$(aws kms describe-key --key-id "$key" --query KeyMetadata.Arn --output text)"
    rights="$(printf '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Resource": "%s"}]}' "$key")"
    aws iam put-role-policy --role-name lake --policy-name deeplake-nb-kms-raw --policy-document "$rights"
fi
