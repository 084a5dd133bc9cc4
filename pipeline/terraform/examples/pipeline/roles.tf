# The roles of the service's start, of the build and of the pipeline. The worker's are in its module.

locals {
  artifacts = [
    {
      Effect   = "Allow"
      Action   = ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"]
      Resource = ["${aws_s3_bucket.artifacts.arn}/*"]
    },
    {
      Effect   = "Allow"
      Action   = ["s3:GetBucketLocation", "s3:GetBucketVersioning"]
      Resource = [aws_s3_bucket.artifacts.arn]
    },
    {
      Effect   = "Allow"
      Action   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"]
      Resource = [aws_kms_key.artifacts.arn]
    },
  ]
  registry = {
    # It cannot be scoped.
    Effect   = "Allow"
    Action   = ["ecr:GetAuthorizationToken"]
    Resource = ["*"]
  }
  pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
  push = ["ecr:CompleteLayerUpload", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart"]

  services = {
    execution = "ecs-tasks.amazonaws.com"
    build     = "codebuild.amazonaws.com"
    pipeline  = "codepipeline.amazonaws.com"
  }
  statements = {
    execution = [
      local.registry,
      { Effect = "Allow", Action = local.pull, Resource = [aws_ecr_repository.web.arn] },
      {
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.this["web"].arn}:*"]
      },
    ]
    build = concat(local.artifacts, [
      local.registry,
      { Effect = "Allow", Action = concat(local.pull, local.push), Resource = [aws_ecr_repository.web.arn] },
      {
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.this["build"].arn}:*"]
      },
    ])
    # A custom action needs nothing of the pipeline's role: what deploys is the worker's.
    pipeline = concat(local.artifacts, [
      {
        Effect   = "Allow"
        Action   = ["codestar-connections:UseConnection"]
        Resource = [aws_codestarconnections_connection.this.arn]
      },
      {
        Effect   = "Allow"
        Action   = ["codebuild:BatchGetBuilds", "codebuild:StartBuild"]
        Resource = [aws_codebuild_project.this.arn]
      },
    ])
  }
}

resource "aws_iam_role" "this" {
  for_each = local.services

  name_prefix = "shop-web-${each.key}-"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = each.value }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  for_each = local.services

  name   = each.key
  role   = aws_iam_role.this[each.key].id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.statements[each.key] })
}
